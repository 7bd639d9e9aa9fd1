"""A dataset in memory, and the fingerprint that identifies its contents.

Pixels stay uint8 as they are in the files; `worker.pictures.pixels` scales them. This module reads no file format.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.datasets.built_in import DatasetInfo


@dataclass(frozen=True)
class LabelledImages:
    """One split.

    Attributes:
        images: uint8, shape (n, height, width, channels), values 0-255.
        labels: int64, shape (n,), values in [0, n_classes).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """The splits of a dataset. The arrays are read-only: every user sees the same pixels.

    Attributes:
        info: the facts known before reading.
        train_images: uint8, shape (n, height, width, channels), values 0-255.
        train_labels: int64, shape (n,), values in [0, n_classes).
        test_images: as `train_images`.
        test_labels: as `train_labels`.
        fingerprint: SHA-256 over shapes, pixels and labels of all splits, in hexadecimal.
        validation: the dataset's own validation split, if it has one.
    """

    info: DatasetInfo
    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    fingerprint: str
    validation: LabelledImages | None = None


def assemble(
    info: DatasetInfo, train: LabelledImages, test: LabelledImages, validation: LabelledImages | None = None
) -> Dataset:
    """Combine the splits, make them read-only and compute their fingerprint."""
    splits = (train, test) if validation is None else (train, test, validation)
    for split in splits:
        split.images.setflags(write=False)
        split.labels.setflags(write=False)
    return Dataset(info, train.images, train.labels, test.images, test.labels, fingerprint(*splits), validation)


def fingerprint(*splits: LabelledImages) -> str:
    """SHA-256 over the shape, the pixels and the labels of all splits, the same on every machine."""
    digest = hashlib.sha256()
    for split in splits:
        digest.update(split_heading(split.images.shape))
        digest.update(np.ascontiguousarray(split.images).data)
        digest.update(np.ascontiguousarray(split.labels, dtype="<i8").data)
    return digest.hexdigest()


def split_heading(shape: tuple[int, ...]) -> bytes:
    """The bytes that precede a split's pixels and labels in the fingerprint.

    Args:
        shape: shape of the split's pictures, (n, height, width, channels).
    """
    return f"images {shape} labels {(shape[0],)};".encode()
