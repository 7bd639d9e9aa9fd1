"""Reads CIFAR-10's "python version": batches that Python 2 pickled as a dictionary with one array.

A pickle can name any function to be called, so only stand-ins for the three names in the official files exist here,
and nothing of numpy's own runs on a file's say-so. What a pickle may still do is ask for gigabytes of memory in a few
bytes; whoever calls makes sure of the files' checksums first. Knows nothing of downloads.
"""

import math
import pickle
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.datasets.built_in import DatasetInfo
from worker.datasets.dataset import LabelledImages
from worker.datasets.errors import DatasetCorrupt

TRAIN_BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5")
TEST_BATCHES = ("test_batch",)
MAX_BATCH_BYTES = 64 * 1024 * 1024
"""Twice an official batch; a larger file is refused unread."""

FAILURES = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What `pickle` documents, or was seen, to raise on bytes that are no honest pickle."""


def read_cifar10(folder: Path, info: DatasetInfo) -> tuple[LabelledImages, LabelledImages]:
    """Read the training and the test split from the official batches.

    Raises:
        DatasetCorrupt: a batch is not one, or does not hold its share of the pictures.
        OSError: a file cannot be read at all.
    """
    return (
        _read_split(folder, TRAIN_BATCHES, info.n_train, info),
        _read_split(folder, TEST_BATCHES, info.n_test, info),
    )


def _read_split(folder: Path, names: tuple[str, ...], n: int, info: DatasetInfo) -> LabelledImages:
    height, width, channels = info.image_shape
    images = np.empty((n, *info.image_shape), dtype=np.uint8)
    labels = np.empty(n, dtype=np.int64)
    share = n // len(names)
    for number, name in enumerate(names):
        part = slice(number * share, (number + 1) * share)
        pixels, labels[part] = _read_batch(folder / name, (share, math.prod(info.image_shape)), info)
        # In the file a picture is its red plane, then the green, then the blue one, each row by row.
        images[part] = pixels.reshape(share, channels, height, width).transpose(0, 2, 3, 1)
    return LabelledImages(images, labels)


def _read_batch(path: Path, shape: tuple[int, int], info: DatasetInfo) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    if path.stat().st_size > MAX_BATCH_BYTES:
        raise DatasetCorrupt(info.name, path.name, f"too large; expected at most {MAX_BATCH_BYTES} bytes")
    try:
        with path.open("rb") as file:
            batch = _PlainUnpickler(file, encoding="bytes").load()
        return _pixels(batch, shape), _labels(batch, shape[0], len(info.classes))
    except FAILURES as error:
        raise DatasetCorrupt(info.name, path.name, f"not an official batch ({error})") from error


def _pixels(batch: object, shape: tuple[int, int]) -> NDArray[np.uint8]:
    match batch:
        case {b"data": _PickledArray(state=(_, came, _PickledDtype(code=b"u1"), False, bytes(values)))} if (
            came == shape
        ):
            return np.frombuffer(values, dtype=np.uint8).reshape(shape)
    raise ValueError(f"no array 'data' of unsigned bytes of shape {shape}")


def _labels(batch: Mapping[bytes, Any], n: int, n_classes: int) -> NDArray[np.int64]:
    labels = batch.get(b"labels")
    if not isinstance(labels, list) or len(labels) != n:
        raise ValueError(f"no list 'labels' of {n} numbers")
    if not all(type(label) is int and 0 <= label < n_classes for label in labels):
        raise ValueError(f"a label that is no whole number from 0 to {n_classes - 1}")
    return np.array(labels, dtype=np.int64)


class _PickledDtype:
    """Stands in for `numpy.dtype`: remembers the type code and ignores the rest."""

    def __init__(self, code: bytes, *_: object) -> None:
        self.code = code

    def __setstate__(self, state: object) -> None:
        """Byte order and alignment mean nothing to single bytes."""


class _PickledArray:
    """Stands in for `numpy.ndarray`: keeps (version, shape, dtype, is_fortran, values) to be looked at later."""

    state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


def _reconstruct(*_: object) -> _PickledArray:
    """Stands in for numpy's function of this name, which makes an empty array for `__setstate__` to fill."""
    return _PickledArray()


class _PlainUnpickler(pickle.Unpickler):
    """Knows the three names in the official files, and no other."""

    _KNOWN: Mapping[tuple[str, str], object] = MappingProxyType(
        {
            ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
            ("numpy", "ndarray"): _PickledArray,
            ("numpy", "dtype"): _PickledDtype,
        }
    )

    def find_class(self, module: str, name: str) -> object:
        try:
            return self._KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it wants {module}.{name}, which no official file does") from None
