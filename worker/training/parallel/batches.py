"""Divides batches among the devices of a network.

The devices' shares of a batch differ by one picture at most. A batch with fewer pictures than there are devices goes to
each of them whole, because the mean over no picture is not a number; the mean over all devices stays that of the batch.
"""

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from worker.training.parallel.devices import replicas_of

Validation = dict[str, Any]


def divided(network: keras.Model, batches: Any) -> Any:
    """Training batches in the form that `fit` takes for this network.

    Args:
        network: that is trained.
        batches: what `Feed.batches` gives.
    """
    n_devices = replicas_of(network)
    if n_devices == 1:
        return batches
    import tensorflow as tf  # noqa: PLC0415 - only TensorFlow has several devices here

    def shares(*arrays: Any) -> Any:
        size = tf.shape(arrays[0], out_type=tf.int64)[0]
        return tf.data.Dataset.range(n_devices).map(lambda device: _share(arrays, size, device, n_devices, tf))

    return _distributed(network, batches.flat_map(shares))


def validation_arguments(
    network: keras.Model, inputs: NDArray[np.float32], targets: NDArray[np.float32], batch_size: int
) -> Validation:
    """Arguments of `fit` for validating on all pictures, in batches of about the same size.

    Args:
        network: that is validated.
        inputs: float32, one row for each picture.
        targets: float32, one row for each picture.
        batch_size: pictures at once, at most.
    """
    n_devices = replicas_of(network)
    if n_devices == 1:
        return {"validation_data": (inputs, targets), "validation_batch_size": batch_size}
    import tensorflow as tf  # noqa: PLC0415 - only TensorFlow has several devices here

    n_batches = math.ceil(len(inputs) / batch_size)
    signature = tuple(tf.TensorSpec((None, *array.shape[1:]), tf.float32) for array in (inputs, targets))

    def shares() -> Iterator[tuple[NDArray[np.float32], ...]]:
        for rows in np.array_split(np.arange(len(inputs)), n_batches):
            parts = np.array_split(rows, n_devices) if len(rows) >= n_devices else [rows] * n_devices
            yield from ((inputs[part], targets[part]) for part in parts)

    dataset = tf.data.Dataset.from_generator(shares, output_signature=signature)
    return {"validation_data": _distributed(network, dataset), "validation_steps": n_batches}


def _share(arrays: tuple[Any, ...], size: Any, device: Any, n_devices: int, tf: Any) -> tuple[Any, ...]:
    is_whole = size < n_devices
    first = tf.where(is_whole, tf.constant(0, tf.int64), size * device // n_devices)
    last = tf.where(is_whole, size, size * (device + 1) // n_devices)
    return tuple(array[first:last] for array in arrays)


def _distributed(network: keras.Model, shares: Any) -> Any:
    """Hand consecutive elements to the devices in turn, one for each in every step."""
    return network.distribute_strategy.distribute_datasets_from_function(lambda _: shares)
