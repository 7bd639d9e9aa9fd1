"""A file of tensors is read as data: hostile and damaged ones are refused, run nothing and take no memory."""

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tests.unit.worker.pretrained.tensor_files import (
    DICTIONARY,
    MACHINE,
    MAGIC,
    VERSION,
    integer,
    integers,
    small_file,
    storage,
    tensor,
    tensors_file,
    text,
)
from worker.pretrained.errors import WeightsRejected
from worker.pretrained.tensor_file import read_tensors

ONE = [("a", np.zeros(4, "<f4"))]


def with_value(value: bytes) -> bytes:
    return tensors_file(text("weights") + value, ONE)


def calling(module: str, name: str, argument: str) -> bytes:
    return f"c{module}\n{name}\n".encode() + b"(" + text(argument) + b"tR"


def test_tensors_are_views_of_their_storages() -> None:
    found = read_tensors(small_file())

    assert list(found) == ["plain", "turned", "count"]
    np.testing.assert_array_equal(found["plain"], np.arange(12, dtype=np.float32).reshape(3, 4))
    np.testing.assert_array_equal(found["turned"], [[2, 4, 6], [3, 5, 7]])
    assert (found["count"].shape, int(found["count"]), found["count"].dtype.str) == ((), 7, "<i8")


HOSTILE = {
    "system call": calling("os", "system", "touch PWNED"),
    "posix": calling("posix", "system", "touch PWNED"),
    "evaluation": calling("builtins", "eval", "open('PWNED', 'w')"),
    "old builtins": calling("__builtin__", "eval", "open('PWNED', 'w')"),
    "attribute of an allowed module": calling("collections", "OrderedDict.fromkeys", "x"),
    "another function of torch": calling("torch._utils", "_rebuild_parameter", "x"),
    "loading more": calling("torch", "load", "PWNED"),
    "instance": b"(" + text("touch PWNED") + b"ios\nsystem\n",
    "object": b"(cos\nsystem\n" + text("touch PWNED") + b"o",
    "new object": b"cos\nsystem\n" + integers([1]) + b"\x81",
    "name from the stack": text("os") + text("system") + b"\x93",
    "extension": b"\x82\x01",
    "reference in text": b"Pos.system\n",
    "evaluated text": b"S'touch PWNED'\n",
    "number in text": b"I1\n",
    "frame": b"\x95" + b"\xff" * 8,
    "long text": b"X" + struct.pack("<I", 2**31),
    "long integer": b"\x8b" + struct.pack("<i", 2**30),
    "integer of 255 bytes": b"\x8a\xff" + b"\x01" * 255,
    "dictionary called with arguments": b"ccollections\nOrderedDict\n" + integers([1]) + b"R",
    "tensor of nothing": b"ctorch._utils\n_rebuild_tensor_v2\n)R",
    "storage as a value": storage("a", 4),
    "name as a value": b"ccollections\nOrderedDict\n",
    "state that is set": b"ccollections\nOrderedDict\n" + integers([1]) + b"b",
    "no value to take": b"0",
    "unknown number": b"h\x63",
    "empty stack": b"tR",
    "strides of 0": tensor(storage("a", 4), 0, [2**30], [0]),
    "outside of the storage": tensor(storage("a", 4), 3, [2], [1]),
    "negative offset": tensor(storage("a", 4), -1, [2], [1]),
    "negative stride": tensor(storage("a", 4), 3, [2], [-1]),
    "more strides than sides": tensor(storage("a", 4), 0, [2], [1, 1]),
    "many dimensions": tensor(storage("a", 4), 0, [1] * 40, [1] * 40),
    "storage of unknown kind": tensor(storage("a", 4, "Storage"), 0, [2], [1]),
    "storage that is too long": tensor(storage("a", 2**31 - 1), 0, [2], [1]),
    "storage of another length": tensor(storage("a", 3), 0, [2], [1]),
    "storage that is not there": tensor(storage("b", 4), 0, [2], [1]),
}


@pytest.mark.parametrize("value", [pytest.param(value, id=name) for name, value in HOSTILE.items()])
def test_a_hostile_value_is_refused_and_nothing_of_it_runs(
    value: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(WeightsRejected):
        read_tensors(with_value(value))

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        MAGIC,
        MAGIC + VERSION + MACHINE,
        MAGIC[:-2] + b"\x20." + VERSION + MACHINE,
        MAGIC + VERSION + b"\x80\x02}.",
        MAGIC + VERSION + MACHINE + b"\x80\x02" + DICTIONARY + b".",
        MAGIC + VERSION + MACHINE + b"\x80\x04" + DICTIONARY + b".",
        b"\x80\x02" + b"(" * 500_001,
        small_file()[:-1],
        small_file() + b"\x00",
        tensors_file(text("w") + tensor(storage("a", 4), 0, [4], [1]), [*ONE, *ONE]),
        tensors_file(
            text("w") + tensor(storage("a", 4), 0, [4], [1]) + text("v") + tensor(storage("a", 8), 0, [8], [1]), ONE
        ),
    ],
)
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(WeightsRejected):
        read_tensors(data)


def test_mutated_files_are_read_or_refused_within_little_memory() -> None:
    whole, random = small_file(), np.random.default_rng(0)
    n_refused = 0
    tracemalloc.start()
    for number in range(400):
        data = bytearray(whole)
        for place in random.integers(0, len(data), 1 + number % 4):
            data[place] = random.integers(0, 256)
        if number % 5 == 0:
            del data[int(random.integers(0, len(data))) :]
        try:
            read_tensors(bytes(data))
        except WeightsRejected:
            n_refused += 1
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert n_refused > 200
    assert peak_bytes < 1_000_000


def test_a_list_inside_itself_is_refused() -> None:
    with pytest.raises(WeightsRejected):
        read_tensors(with_value(b"]q\x00(h\x00h\x00e"))


def test_a_dictionary_with_a_key_that_is_no_text_is_refused() -> None:
    with pytest.raises(WeightsRejected, match="pairs of a text"):
        read_tensors(with_value(b"}" + integer(1) + integer(1) + b"s"))
