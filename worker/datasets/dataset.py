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
    """Both splits of a dataset. The arrays are read-only: every user sees the same pixels.

    Attributes:
        info: the facts known before reading.
        train_images: uint8, shape (n, height, width, channels), values 0-255.
        train_labels: int64, shape (n,), values in [0, n_classes).
        test_images: as `train_images`.
        test_labels: as `train_labels`.
        fingerprint: SHA-256 over shapes, pixels and labels of both splits, in hexadecimal.
    """

    info: DatasetInfo
    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    fingerprint: str


def assemble(info: DatasetInfo, train: LabelledImages, test: LabelledImages) -> Dataset:
    """Combine two splits, make them read-only and compute their fingerprint."""
    for split in (train, test):
        split.images.setflags(write=False)
        split.labels.setflags(write=False)
    return Dataset(info, train.images, train.labels, test.images, test.labels, fingerprint(train, test))


def fingerprint(train: LabelledImages, test: LabelledImages) -> str:
    """SHA-256 over the shape, the pixels and the labels of both splits, the same on every machine."""
    digest = hashlib.sha256()
    for split in (train, test):
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
