"""Finds the filters of a trained network whose output is the same everywhere, on every picture."""

from collections.abc import Iterator

import keras
import numpy as np
from numpy.typing import NDArray

from worker.doctor.facts import FilterFacts
from worker.training.network import pictures_at_once

PICTURES = 512
"""Measured with `fast` on CIFAR-10: 512 test pictures find the same dead filters as 10,000."""
CONSTANT = 1e-6
"""Range of an output that counts as constant: rounding moves a saturated `elu` by less."""
FILTERED = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
    keras.layers.Activation,
)


def find_dead_filters(network: keras.Model, images: NDArray[np.float32]) -> tuple[FilterFacts, ...]:
    """The layers with filters, and which of their filters are dead: constant, as far as the pictures show.

    Args:
        network: the trained network.
        images: float32, shape (n, height, width, channels), values in [0, 1]; the first 512 are used.
    """
    layers = [layer for layer in network.layers if isinstance(layer, FILTERED) and len(layer.output.shape) == 4]
    if not layers or not len(images):
        return ()
    maps = keras.Model(network.inputs[0], [layer.output for layer in layers])
    lowest, highest = _ranges(maps, images[:PICTURES], pictures_at_once(network))
    return tuple(
        FilterFacts(
            layer=layer.name,
            filters=len(low),
            dead=tuple(int(index) for index in np.flatnonzero(high - low <= CONSTANT)),
        )
        for layer, low, high in zip(layers, lowest, highest, strict=True)
    )


def _ranges(
    maps: keras.Model, images: NDArray[np.float32], at_once: int
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Lowest and highest output of every filter of every layer, each of shape (filters,)."""
    found = list(_of_batches(maps, images, at_once))
    lowest = [np.min([batch[0][layer] for batch in found], axis=0) for layer in range(len(found[0][0]))]
    highest = [np.max([batch[1][layer] for batch in found], axis=0) for layer in range(len(found[0][1]))]
    return lowest, highest


def _of_batches(
    maps: keras.Model, images: NDArray[np.float32], at_once: int
) -> Iterator[tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]]:
    for start in range(0, len(images), at_once):
        # Called directly: `predict` would compile the network once more, which takes longer than the pictures.
        outputs = maps(images[start : start + at_once], training=False)
        values = outputs if isinstance(outputs, list) else [outputs]
        numbers = [keras.ops.convert_to_numpy(value).astype(np.float32) for value in values]
        yield [value.min(axis=(0, 1, 2)) for value in numbers], [value.max(axis=(0, 1, 2)) for value in numbers]
