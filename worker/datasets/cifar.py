"""Reads the "python version" of CIFAR-10 and CIFAR-100: batches that Python 2 pickled as a dictionary with one array.

A pickle can make the reader call any function. This unpickler therefore resolves only the three names that occur in
the official files, to stand-ins, and a file cannot make numpy's own functions run. A pickle of a few bytes can still
ask for gigabytes of memory, so the caller verifies the files' checksums first. This module does not download.
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
"""Twice the size of an official batch; a larger file is refused without reading it."""
MAX_BYTES_PER_PICTURE = 2 * 3104
"""CIFAR-100 has all training pictures in one batch: twice what it takes for each, names and labels included."""

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
"""Exceptions that `pickle` raises, by its documentation or by observation, on bytes that are not a valid pickle."""


def read_cifar10(folder: Path, info: DatasetInfo) -> tuple[LabelledImages, LabelledImages]:
    """Read the training and the test split from the official batches.

    Raises:
        DatasetCorrupt: a file is not a batch, or does not hold the expected number of pictures.
        OSError: a file cannot be read at all.
    """
    return (
        _read_split(folder, TRAIN_BATCHES, info.n_train, info),
        _read_split(folder, TEST_BATCHES, info.n_test, info),
    )


def read_cifar100(folder: Path, info: DatasetInfo) -> tuple[LabelledImages, LabelledImages]:
    """Read the training and the test split of CIFAR-100 with its hundred fine labels.

    Raises:
        DatasetCorrupt: a file is not a batch, or does not hold the expected number of pictures.
        OSError: a file cannot be read at all.
    """
    return (
        _read_split(folder, ("train",), info.n_train, info, b"fine_labels"),
        _read_split(folder, ("test",), info.n_test, info, b"fine_labels"),
    )


def _read_split(
    folder: Path, names: tuple[str, ...], n: int, info: DatasetInfo, label_key: bytes = b"labels"
) -> LabelledImages:
    height, width, channels = info.image_shape
    images = np.empty((n, *info.image_shape), dtype=np.uint8)
    labels = np.empty(n, dtype=np.int64)
    share = n // len(names)
    for number, name in enumerate(names):
        part = slice(number * share, (number + 1) * share)
        shape = (share, math.prod(info.image_shape))
        pixels, labels[part] = _read_batch(folder / name, shape, info, label_key)
        # The file stores a picture as its red, green and blue plane, each row by row.
        images[part] = pixels.reshape(share, channels, height, width).transpose(0, 2, 3, 1)
    return LabelledImages(images, labels)


def _read_batch(
    path: Path, shape: tuple[int, int], info: DatasetInfo, label_key: bytes
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    most = max(MAX_BATCH_BYTES, shape[0] * MAX_BYTES_PER_PICTURE)
    if path.stat().st_size > most:
        raise DatasetCorrupt(info.name, path.name, f"too large; expected at most {most} bytes")
    try:
        with path.open("rb") as file:
            batch = _PlainUnpickler(file, encoding="bytes").load()
        return _pixels(batch, shape), _labels(batch, label_key, shape[0], len(info.classes))
    except FAILURES as error:
        raise DatasetCorrupt(info.name, path.name, f"not an official batch ({error})") from error


def _pixels(batch: object, shape: tuple[int, int]) -> NDArray[np.uint8]:
    match batch:
        case {b"data": _PickledArray(state=(_, found, _PickledDtype(code=b"u1"), False, bytes(values)))} if (
            found == shape
        ):
            return np.frombuffer(values, dtype=np.uint8).reshape(shape)
    raise ValueError(f"no array 'data' of unsigned bytes of shape {shape}")


def _labels(batch: Mapping[bytes, Any], key: bytes, n: int, n_classes: int) -> NDArray[np.int64]:
    labels = batch.get(key)
    if not isinstance(labels, list) or len(labels) != n:
        raise ValueError(f"no list {key.decode()!r} of {n} numbers")
    if not all(type(label) is int and 0 <= label < n_classes for label in labels):
        raise ValueError(f"a label is not a whole number from 0 to {n_classes - 1}")
    return np.array(labels, dtype=np.int64)


class _PickledDtype:
    """Stands in for `numpy.dtype`: remembers the type code and ignores the rest."""

    def __init__(self, code: bytes, *_: object) -> None:
        self.code = code

    def __setstate__(self, state: object) -> None:
        """Ignore byte order and alignment, which do not matter for single bytes."""


class _PickledArray:
    """Stands in for `numpy.ndarray`: keeps (version, shape, dtype, is_fortran, values) for a later check."""

    state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


def _reconstruct(*_: object) -> _PickledArray:
    """Stands in for numpy's function of this name, which creates an empty array that `__setstate__` fills."""
    return _PickledArray()


class _PlainUnpickler(pickle.Unpickler):
    """Resolves only the three names that occur in the official files."""

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
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which no official file does") from None
