"""Predictions for many pictures, of which only some are in memory as float32 at a time."""

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

from worker.pictures.pixels import to_unit_range
from worker.training.feeding import chunk_size
from worker.training.network import pictures_at_once

CHUNK_BYTES = 256 * 2**20
"""Of float32 pictures: the test split of a small dataset is one chunk."""
FEW_BATCHES = 4
"""So many are predicted by calling the network directly: `predict` traces it first, once for a full batch and once for
the last one. With 1000 pictures of 28 x 28 that is 0.1 s of 0.3 s of processor time for `lenet5-fashion`, and 0.3 s of
0.6 s for `fast`; with 10,000, `predict` is faster. The answers are the same, bit by bit."""


def predict_pictures(
    network: keras.Model,
    images: NDArray[np.uint8],
    view: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
) -> NDArray[np.float32]:
    """The network's outputs.

    Args:
        network: from pictures to vectors.
        images: uint8, shape (n, height, width, channels), n at least 1.
        view: changes some pictures, whose shape stays, before the network sees them; None leaves them as they are.

    Returns:
        float32, shape (n, values).
    """
    at_once = pictures_at_once(network)
    if len(images) <= FEW_BATCHES * at_once:
        return _called(network, images if view is None else view(images), at_once)
    chunk = chunk_size(images.shape[1:], at_once, CHUNK_BYTES)
    chunks = (images[start : start + chunk] for start in range(0, len(images), chunk))
    outputs = [
        network.predict(to_unit_range(some if view is None else view(some)), batch_size=at_once, verbose=0)
        for some in chunks
    ]
    return np.concatenate(outputs)


def _called(network: keras.Model, images: NDArray[np.uint8], at_once: int) -> NDArray[np.float32]:
    """The outputs of a network that is called directly, without tracing.

    Args:
        network: from pictures to vectors.
        images: uint8, shape (n, height, width, channels), n at least 1.
        at_once: pictures per call.

    Returns:
        float32, shape (n, values).
    """
    outputs = [
        keras.ops.convert_to_numpy(network(to_unit_range(images[start : start + at_once]), training=False))
        for start in range(0, len(images), at_once)
    ]
    return np.concatenate(outputs).astype(np.float32, copy=False)
