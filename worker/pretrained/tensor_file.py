"""Reads a file of named tensors in PyTorch's format of before 2020, without PyTorch.

The file is four pickles (a magic number, a version, facts about the machine, the tensors), a fifth with the order of
the storages, and then the numbers of each storage.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.pretrained.errors import WeightsRejected
from worker.pretrained.tensor_pickle import PickleReader
from worker.pretrained.tensor_values import Storage, Tensor

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
MAX_TENSORS = 10_000
_LENGTH = struct.Struct("<q")

Tensors = dict[str, NDArray[Any]]


def read_tensors(data: bytes) -> Tensors:
    """Read all tensors of a file by name, as read-only views of its bytes.

    Args:
        data: the whole file.

    Raises:
        WeightsRejected: it is damaged, has another format, or holds anything but tensors.
    """
    reader = PickleReader(data)
    _expect("magic number", MAGIC, reader.read())
    _expect("version", VERSION, reader.read())
    machine = reader.read()
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise WeightsRejected("expected little-endian numbers")
    tensors = _named_tensors(reader.read())
    order = reader.read()
    numbers = _numbers(data, reader.position, order, _storages(tensors))
    return {name: _view(tensor, numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _expect(what: str, expected: int, found: object) -> None:
    if type(found) is not int or found != expected:
        raise WeightsRejected(f"expected the {what} {expected}, got something else")


def _named_tensors(found: object) -> dict[str, Tensor]:
    if not isinstance(found, dict) or not found:
        raise WeightsRejected("expected tensors by name, got something else")
    if len(found) > MAX_TENSORS:
        raise WeightsRejected(f"expected at most {MAX_TENSORS} tensors, got {len(found)}")
    for name, value in found.items():
        if not isinstance(value, Tensor):
            raise WeightsRejected(f"expected only tensors, got {type(value).__name__} as {name[:100]!r}")
    return found


def _storages(tensors: Mapping[str, Tensor]) -> dict[str, Storage]:
    storages: dict[str, Storage] = {}
    for tensor in tensors.values():
        if storages.setdefault(tensor.storage.key, tensor.storage) != tensor.storage:
            raise WeightsRejected("expected one length and one kind of numbers for each storage, got two")
    return storages


def _numbers(data: bytes, position: int, order: object, storages: Mapping[str, Storage]) -> Mapping[str, memoryview]:
    """The bytes of each storage, in the order of the file."""
    if not isinstance(order, list) or not _names_each_once(order, storages):
        raise WeightsRejected("expected the order of all storages, got something else")
    found: dict[str, memoryview] = {}
    for storage in map(storages.__getitem__, order):
        end = position + _LENGTH.size + storage.n_bytes
        if end > len(data):
            raise WeightsRejected(f"expected {end} bytes, got the end of the file after {len(data)}")
        if _LENGTH.unpack_from(data, position) != (storage.length,):
            raise WeightsRejected(f"expected {storage.length} numbers in a storage, got another length")
        found[storage.key] = memoryview(data)[position + _LENGTH.size : end]
        position = end
    if position != len(data):
        raise WeightsRejected(f"expected the end of the file after {position} bytes, got {len(data)}")
    return found


def _names_each_once(order: Sequence[object], storages: Mapping[str, Storage]) -> bool:
    texts = [key for key in order if isinstance(key, str)]
    return len(texts) == len(order) == len(storages) and set(texts) == set(storages)


def _view(tensor: Tensor, numbers: memoryview) -> NDArray[Any]:
    dtype = np.dtype(tensor.storage.dtype)
    if not len(numbers):
        return np.empty(tensor.shape, dtype)
    return np.ndarray(
        tensor.shape,
        dtype,
        numbers,
        tensor.offset * dtype.itemsize,
        tuple(stride * dtype.itemsize for stride in tensor.strides),
    )
