"""Writes small files of tensors, opcode by opcode, so that tests can also write what no program would."""

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
VERSION = b"\x80\x02M\xe9\x03."


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def integer(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def integers(values: Sequence[int]) -> bytes:
    return b"(" + b"".join(map(integer, values)) + b"t"


MACHINE = b"\x80\x02}(" + text("protocol_version") + b"M\xe9\x03" + text("little_endian") + b"\x88u."
DICTIONARY = b"ccollections\nOrderedDict\n)R"


def storage(key: str, length: int, kind: str = "FloatStorage") -> bytes:
    return b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu") + integer(length) + b"NtQ"


def tensor(stored: bytes, offset: int, shape: Sequence[int], strides: Sequence[int]) -> bytes:
    arguments = stored + integer(offset) + integers(shape) + integers(strides) + b"\x89" + DICTIONARY
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def tensors_file(entries: bytes, storages: Sequence[tuple[str, NDArray[np.generic]]]) -> bytes:
    """A file whose dictionary has these items, followed by these storages."""
    order = b"\x80\x02](" + b"".join(text(key) for key, _ in storages) + b"e."
    numbers = b"".join(struct.pack("<q", array.size) + array.tobytes() for _, array in storages)
    return MAGIC + VERSION + MACHINE + b"\x80\x02" + DICTIONARY + b"(" + entries + b"u." + order + numbers


def small_file() -> bytes:
    """Two views of one storage of floats, one of them transposed, and a scalar of another."""
    floats, count = np.arange(12, dtype="<f4"), np.array([7], "<i8")
    entries = text("plain") + tensor(storage("a", 12), 0, [3, 4], [4, 1])
    entries += text("turned") + tensor(storage("a", 12), 2, [2, 3], [1, 2])
    entries += text("count") + tensor(storage("b", 1, "LongStorage"), 0, [], [])
    return tensors_file(entries, [("a", floats), ("b", count)])
