"""Fits a network with many steps in one call of TensorFlow: a loop in its graph, in place of Keras's loop in Python.

The steps, their order and their results are those of Keras's `fit`, and so are the calls of callbacks, except that
`on_train_batch_end` is called after every call of TensorFlow, with the number of its last batch, as Keras does with
`steps_per_execution`. For one device of TensorFlow; other backends and several devices keep Keras's loop.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from worker.training.feeding import Arrays, EpochData, Feed, chunk_size
from worker.training.hardware import device
from worker.training.network import pictures_at_once
from worker.training.parallel.devices import replicas_of
from worker.training.splits import Split
from worker.training.whole_map_kernels import trained_as_dense

CALL_S = 0.1
"""Seconds that one call may take, unless one step takes longer: what progress, a pause and an early end wait for."""


def can_loop(network: keras.Model) -> bool:
    """Whether a network is trained by TensorFlow on one device; with a GPU, loops were not measured."""
    return keras.backend.backend() == "tensorflow" and replicas_of(network) == 1 and device() == "cpu"


class GraphLoops:
    """Trains and validates one compiled network.

    Args:
        network: for which `can_loop` is true.
        data: the training data.
        validation: the split that the network is evaluated on after every epoch.
    """

    def __init__(self, network: keras.Model, data: EpochData, validation: Split) -> None:
        self._network = network
        self._validation = validation
        self._train = _loop_of(network, network.train_step, data.batch_size, data.row_shapes)
        shapes = (validation.reserved.shape[1:], validation.targets.shape[1:])
        self._at_once = pictures_at_once(network)
        self._test = _loop_of(network, network.test_step, self._at_once, shapes)
        self._batch_size = data.batch_size
        self._most_steps = 1

    def fit(self, feed: Feed, first: int, last: int, steps: int, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        """Train for some epochs, as Keras's `fit` does.

        Args:
            feed: the chunks of the first epoch, and of all after it.
            first: number of the first epoch, from 0.
            last: number of the last epoch, exclusive.
            steps: batches of an epoch.
            callbacks: as for `fit`.
        """
        network, chunks = self._network, feed.chunks()
        told = keras.callbacks.CallbackList(callbacks, model=network, epochs=last, steps=steps)
        network.stop_training = False
        logs: dict[str, Any] = {}
        with trained_as_dense(network):
            told.on_train_begin()
            for epoch in range(first, last):
                network.reset_metrics()
                told.on_epoch_begin(epoch)
                self._epoch(chunks, steps, told)
                logs = dict(network.get_metrics_result())
                logs |= {f"val_{name}": value for name, value in self._validate(told).items()}
                told.on_epoch_end(epoch, logs)
                if network.stop_training:
                    break
            network.optimizer.finalize_variable_values(network.trainable_weights)
            told.on_train_end(logs)

    def _epoch(self, chunks: Iterator[Arrays], steps: int, told: keras.callbacks.CallbackList) -> None:
        done = 0
        for chunk in chunks:
            rows = len(chunk[0])
            arrays = _tensors(chunk)
            row = 0
            while row < rows:
                told.on_train_batch_begin(done)
                end = min(row + self._most_steps * self._batch_size, rows)
                began = time.monotonic()
                logs = self._train(arrays, row, end)
                n_steps = -(-(end - row) // self._batch_size)
                self._most_steps = max(1, int(CALL_S * n_steps / (time.monotonic() - began)))
                done, row = done + n_steps, end
                told.on_train_batch_end(done - 1, logs)
                if self._network.stop_training:
                    return
            if done == steps:
                return

    def _validate(self, told: keras.callbacks.CallbackList) -> dict[str, Any]:
        told.on_test_begin()
        self._network.reset_metrics()
        pictures, targets = self._validation.inputs, self._validation.targets
        in_call = chunk_size(pictures.shape[1:], self._at_once)
        for start in range(0, len(pictures), in_call):
            arrays = _tensors((pictures[start : start + in_call], targets[start : start + in_call]))
            self._test(arrays, 0, len(arrays[0]))
        logs = {name: float(value) for name, value in self._network.get_metrics_result().items()}
        told.on_test_end(logs)
        return logs


def _loop_of(
    network: keras.Model,
    step: Callable[[Any], Any],
    batch_size: int,
    row_shapes: Sequence[tuple[int, ...]],
) -> Callable[[tuple[Any, ...], int, int], dict[str, Any]]:
    """A function that does a step for each batch of some rows, and returns the metrics' results."""
    import tensorflow as tf  # noqa: PLC0415 - only where Keras runs on it

    def loop(arrays: tuple[Any, ...], first: Any, last: Any) -> Any:
        def body(row: Any) -> tuple[Any]:
            end = tf.minimum(row + batch_size, last)
            step(tuple(array[row:end] for array in arrays))
            return (end,)

        # One iteration at a time: a step needs all that the one before it has written.
        tf.while_loop(lambda row: row < last, body, [first], parallel_iterations=1)
        return network.get_metrics_result()

    rows = tuple(tf.TensorSpec((None, *shape), tf.float32) for shape in row_shapes)
    place = tf.TensorSpec((), tf.int32)
    traced = tf.function(loop, input_signature=(rows, place, place), autograph=False)
    return lambda arrays, first, last: dict(traced(arrays, np.int32(first), np.int32(last)))


def _tensors(arrays: Sequence[NDArray[np.float32]]) -> tuple[Any, ...]:
    return tuple(keras.ops.convert_to_tensor(array) for array in arrays)
