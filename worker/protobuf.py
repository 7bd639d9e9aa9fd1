"""The wire format of Protocol Buffers, as far as it is written here: fields with a number, and what is in them.

These few bytes are all that is needed of the format, so the API does without the package `protobuf`.
"""

import struct

_VARINT, _64_BITS, _BYTES, _32_BITS = 0, 1, 2, 5  # wire types


def bytes_field(number: int, content: bytes) -> bytes:
    """A field with a text, bytes or another message."""
    return _tag(number, _BYTES) + _varint(len(content)) + content


def integer_field(number: int, value: int) -> bytes:
    """A field with an integer that is not negative."""
    return _tag(number, _VARINT) + _varint(value)


def float_field(number: int, value: float) -> bytes:
    """A field with a number of 32 bits; one beyond their range is infinite, as NumPy rounds it."""
    try:
        return _tag(number, _32_BITS) + struct.pack("<f", value)
    except OverflowError:
        return _tag(number, _32_BITS) + struct.pack("<f", float("inf") if value > 0 else float("-inf"))


def double_field(number: int, value: float) -> bytes:
    """A field with a number of 64 bits."""
    return _tag(number, _64_BITS) + struct.pack("<d", value)


def _tag(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])
