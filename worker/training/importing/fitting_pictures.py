"""Brings a dataset's test pictures to the size and colours that an imported model takes."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.datasets import Dataset
from worker.imports.errors import ImportRefused

MOST_BYTES = 4 * 2**30
"""Of the pictures that were resized, on the worker's disk."""


def fit_test_pictures(dataset: Dataset, shape: tuple[int, int, int], folder: Path) -> NDArray[np.uint8]:
    """The dataset's test pictures as an imported model takes them.

    Args:
        dataset: has the pictures.
        shape: height, width and channels that the model takes.
        folder: for the file that holds the resized pictures.

    Returns:
        uint8, shape (n, *shape); the dataset's own array if nothing has to change.

    Raises:
        ImportRefused: they would take too much space.
    """
    images = dataset.test_images
    if images.shape[1:] == shape:
        return images
    n_bytes = len(images) * int(np.prod(shape))
    if n_bytes > MOST_BYTES:
        raise ImportRefused(
            f"The dataset is too large to be resized to {shape[0]} x {shape[1]}; expected at most {MOST_BYTES:,} "
            f"bytes, got {n_bytes:,}."
        )
    fitted = np.memmap(folder / "pictures.bin", np.uint8, "w+", shape=(len(images), *shape))
    for number, image in enumerate(images):
        fitted[number] = _fitted(image, shape)
    return fitted


def _fitted(image: NDArray[np.uint8], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    height, width, channels = shape
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture = picture.convert("L" if channels == 1 else "RGB").resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture).reshape(shape)
