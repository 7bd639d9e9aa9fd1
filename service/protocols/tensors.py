"""Converts pictures on the wire to arrays: JSON lists, flat or nested, and raw little-endian bytes.

Strict about types, because numpy is not: it accepts true as 1, "0.5" as 0.5 and null as NaN. Memory is never allocated
for a shape that a client merely claims. Knows no request format.
"""

from itertools import chain
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import CallRejected
from service.protocols.fields import kind_of

Pixels = NDArray[np.uint8] | NDArray[np.float32]
"""Pictures, shape (n, height, width, channels): uint8 in 0-255, or float32 in [0, 1]."""

DATATYPES = frozenset(
    "BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 BF16 FP32 FP64 BYTES".split()  # noqa: SIM905
)
MAX_SIZE = 2**48
"""Larger than any meaningful dimension."""
_RAW_TYPES: dict[str, np.dtype[Any]] = {
    "UINT8": np.dtype("u1"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
_JSON_TYPES = ("UINT8", "FP32", "FP64")


def batch_shape(claimed: list[Any], input_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that a client states for its batch, checked against the model.

    Raises:
        CallRejected: it is not a list of non-negative integers, or does not fit the model.
    """
    expected = f"expected {_shown((-1, *input_shape))}, where -1 is any number of pictures"
    if not all(type(size) is int and 0 <= size < MAX_SIZE for size in claimed):
        raise CallRejected(f"a shape consists of integers from 0 to 2^48; {expected}, got something else")
    if tuple(claimed[1:]) != input_shape:
        raise CallRejected(f"the shape does not fit the model; {expected}, got {_shown(tuple(claimed[:8]))}")
    return tuple(claimed)


def from_bytes(data: memoryview, datatype: str, shape: tuple[int, ...]) -> Pixels:
    """Pictures from raw bytes, little-endian and row-major; UINT8 and aligned FP32 are not copied.

    Raises:
        CallRejected: a datatype that cannot hold pictures, or a number of bytes that does not fit the shape.
    """
    raw_type = _RAW_TYPES.get(_known(datatype))
    if raw_type is None:
        raise CallRejected(f"the datatype does not fit the model; expected one of {', '.join(_RAW_TYPES)}")
    expected = prod(shape) * raw_type.itemsize
    if len(data) != expected:
        raise CallRejected(
            f"the tensor's bytes do not fit its shape and datatype; expected {expected}, got {len(data)}"
        )
    values = np.frombuffer(data, raw_type).reshape(shape)
    return values if datatype == "UINT8" else _to_float32(values)


def from_list(data: list[Any], datatype: str, shape: tuple[int, ...]) -> Pixels:
    """Pictures from a JSON list, flat or nested as the shape says.

    Raises:
        CallRejected: a datatype that cannot hold pictures, a ragged list, the wrong number of elements, or elements
            that are not numbers.
    """
    if _known(datatype) not in _JSON_TYPES:
        raise CallRejected(f"the datatype does not fit the model; expected in JSON one of {', '.join(_JSON_TYPES)}")
    elements, nesting = unnested(data)
    if nesting != shape and nesting != (prod(shape),):
        raise CallRejected(
            f"the data does not fit the shape {_shown(shape)}; expected {prod(shape)} elements, flat or "
            f"nested like the shape, got {len(elements)} nested as {_shown(nesting)}"
        )
    return (bytes_of(elements) if datatype == "UINT8" else floats_of(elements)).reshape(shape)


def unnested(data: list[Any]) -> tuple[list[Any], tuple[int, ...]]:
    """The elements of nested lists in row-major order, and the lists' shape.

    Raises:
        CallRejected: lists on one level differ in length, or are mixed with other values.
    """
    level, shape = data, [len(data)]
    while level and type(level[0]) is list:
        if set(map(type, level)) != {list} or len(set(map(len, level))) != 1:
            raise CallRejected("the lists are ragged; expected lists of equal length at every level")
        shape.append(len(level[0]))
        level = list(chain.from_iterable(level))
    return level, tuple(shape)


def floats_of(elements: list[Any]) -> NDArray[np.float32]:
    """Numbers as float32; numbers beyond its range become infinite, as in any cast. Raises `CallRejected`."""
    _refuse_other_than({int, float}, elements)
    try:
        with np.errstate(over="ignore"):
            return np.array(elements, np.float32)
    except OverflowError:
        raise CallRejected("a number is too large; expected one that fits a float") from None


def bytes_of(elements: list[Any]) -> NDArray[np.uint8]:
    """Integers from 0 to 255 as uint8. Raises `CallRejected`."""
    _refuse_other_than({int}, elements)
    try:
        return np.frombuffer(bytes(elements), np.uint8)
    except ValueError:
        raise CallRejected("a UINT8 value is out of range; expected integers from 0 to 255") from None


def _refuse_other_than(kinds: set[type], elements: list[Any]) -> None:
    foreign = set(map(type, elements)) - kinds
    if foreign:
        expected = "an integer" if kinds == {int} else "a number"
        found = kind_of(next(element for element in elements if type(element) in foreign))
        raise CallRejected(f"an element has the wrong type; expected {expected}, got {found}")


def _to_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return np.require(values, np.float32, ["ALIGNED"])


def _known(datatype: str) -> str:
    if datatype not in DATATYPES:
        raise CallRejected(f"there is no such datatype; expected one of {', '.join(sorted(DATATYPES))}")
    return datatype


def _shown(shape: tuple[int, ...]) -> str:
    return str(list(shape))
