"""The values that a file of tensors may hold besides numbers and texts: names, storages and views of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from worker.pretrained.errors import WeightsRejected

MAX_DIMENSIONS = 8
DTYPES = {
    "torch DoubleStorage": "<f8",
    "torch FloatStorage": "<f4",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ByteStorage": "|u1",
}
ORDERED_DICT, REBUILD = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
NAMES = frozenset({ORDERED_DICT, REBUILD, *DTYPES})
"""What a file may name: a dictionary, the function that makes a tensor, and the kinds of numbers."""


@dataclass(frozen=True)
class Name:
    """A name from `NAMES`. It is never imported."""

    text: str


@dataclass(frozen=True)
class Storage:
    """A run of numbers that follows the pickle in the file."""

    key: str
    dtype: str
    length: int

    @property
    def n_bytes(self) -> int:
        """Its size in the file."""
        return self.length * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; `offset` and `strides` count numbers, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def storage_of(found: Any) -> Storage:
    """The storage that a reference stands for. Raises `WeightsRejected` for any other reference."""
    match found:
        case ("storage", Name(text), str(key), str(), int(length), None) if text in DTYPES:
            if type(length) is int and 0 <= length < 1 << 40:
                return Storage(key, DTYPES[text], length)
    raise WeightsRejected("expected a storage of numbers, got another reference")


def tensor_of(found: Any) -> Tensor:
    """The tensor that the arguments of its function make. Raises `WeightsRejected` for any other arguments."""
    match found:
        case (Storage() as storage, int(offset), tuple() as shape, tuple() as strides, bool(), dict() as hooks):
            if not hooks and len(shape) == len(strides) <= MAX_DIMENSIONS:
                _check_inside(storage, offset, shape, strides)
                return Tensor(storage, offset, shape, strides)
    raise WeightsRejected("expected a tensor, got other arguments")


def _check_inside(storage: Storage, offset: int, shape: tuple[Any, ...], strides: tuple[Any, ...]) -> None:
    """Every number of a tensor is in its storage, and none is there twice: such a view could be of any size."""
    numbers = (offset, *shape, *strides)
    if any(type(number) is not int or not 0 <= number <= storage.length for number in numbers):
        raise WeightsRejected("expected an offset, sides and strides that fit the storage of a tensor")
    n_numbers = 1
    for side in shape:
        n_numbers *= side
    last = offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if n_numbers > storage.length or (n_numbers and last >= storage.length):
        raise WeightsRejected(f"expected a tensor inside its storage of {storage.length} numbers, got {n_numbers}")
