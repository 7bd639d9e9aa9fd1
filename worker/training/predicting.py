"""Predictions for many pictures, of which only some are in memory as float32 at a time."""

import keras
import numpy as np
from numpy.typing import NDArray

from worker.pictures.pixels import to_unit_range
from worker.training.network import pictures_at_once

CHUNK_BYTES = 256 * 2**20
"""Of float32 pictures: the test split of a small dataset is one chunk."""


def predict_pictures(network: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The network's outputs.

    Args:
        network: from pictures to vectors.
        images: uint8, shape (n, height, width, channels), n at least 1.

    Returns:
        float32, shape (n, values).
    """
    at_once = pictures_at_once(network)
    picture_bytes = images[0].size * np.dtype(np.float32).itemsize
    chunk = at_once * max(1, CHUNK_BYTES // (at_once * picture_bytes))
    outputs = [
        network.predict(to_unit_range(images[start : start + chunk]), batch_size=at_once, verbose=0)
        for start in range(0, len(images), chunk)
    ]
    return np.concatenate(outputs)
