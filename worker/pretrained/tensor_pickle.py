"""Reads the pickle inside a file of tensors as data: an interpreter of the few opcodes that PyTorch writes for tensors.

Python's own `pickle` imports and calls what a file names. Here a name is compared with a fixed list and stands for
itself, and every other opcode is refused. An opcode adds at most one value, so memory is bounded by the file's size.
"""

from collections.abc import Callable
from typing import Any

from worker.pretrained.errors import WeightsRejected
from worker.pretrained.tensor_values import NAMES, ORDERED_DICT, REBUILD, Name, storage_of, tensor_of

MAX_OPCODES = 500_000
MAX_TEXT_BYTES = 4096
LONGEST_INTEGER = 16
PROTOCOL = 2


class PickleReader:
    """Reads one pickle after the other.

    Args:
        data: the whole file.
        position: where the first pickle begins.
    """

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data = data
        self.position = position

    def read(self) -> Any:
        """The value of the next pickle: numbers, texts, tuples, lists, dictionaries, storages and tensors.

        Raises:
            WeightsRejected: it has an opcode or a name that tensors do not need, or is damaged.
        """
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        for _ in range(MAX_OPCODES):
            opcode = self._take(1)
            if opcode == b".":
                return self._result()
            act = _ACTIONS.get(opcode)
            if act is None:
                raise WeightsRejected(f"expected only tensors, got the pickle opcode {opcode!r} at {self.position - 1}")
            act(self)
        raise WeightsRejected(f"expected at most {MAX_OPCODES:,} pickle opcodes, got more")

    def _result(self) -> Any:
        if len(self._stack) != 1 or self._marks:
            raise WeightsRejected(f"expected one value at the end of the pickle, got {len(self._stack)}")
        return self._stack.pop()

    def _take(self, length: int) -> bytes:
        taken = self._data[self.position : self.position + length]
        if len(taken) != length:
            raise WeightsRejected(f"expected {length} more bytes, got the end of the file")
        self.position += length
        return taken

    def _number(self, length: int, *, signed: bool = False) -> int:
        return int.from_bytes(self._take(length), "little", signed=signed)

    def _line(self) -> str:
        end = self._data.find(b"\n", self.position, self.position + MAX_TEXT_BYTES)
        if end < 0:
            raise WeightsRejected("expected a name that ends with its line, got none")
        line = self._take(end + 1 - self.position)[:-1]
        return line.decode("ascii", "replace")

    def _pop(self) -> Any:
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise WeightsRejected("expected a value on the pickle's stack, got none")
        return self._stack.pop()

    def _pop_to_mark(self) -> list[Any]:
        if not self._marks:
            raise WeightsRejected("expected a mark on the pickle's stack, got none")
        start = self._marks.pop()
        values = self._stack[start:]
        del self._stack[start:]
        return values

    def _top(self, kind: type) -> Any:
        value = self._stack[-1] if self._stack else None
        if type(value) is not kind:
            raise WeightsRejected(f"expected a {kind.__name__} on the pickle's stack, got {type(value).__name__}")
        return value

    def protocol(self) -> None:
        """Refuse a pickle of another protocol: its opcodes mean other things."""
        found = self._number(1)
        if found != PROTOCOL:
            raise WeightsRejected(f"expected a pickle of protocol {PROTOCOL}, got {found}")

    def mark(self) -> None:
        """The start of a tuple, or of a list of items."""
        self._marks.append(len(self._stack))

    def push_text(self) -> None:
        """A text with its length before it."""
        length = self._number(4)
        if length > MAX_TEXT_BYTES:
            raise WeightsRejected(f"expected a text of at most {MAX_TEXT_BYTES} bytes, got {length}")
        try:
            self._stack.append(self._take(length).decode())
        except UnicodeDecodeError as error:
            raise WeightsRejected("expected a text in UTF-8") from error

    def push_long(self) -> None:
        """An integer with its length before it."""
        length = self._number(1)
        if length > LONGEST_INTEGER:
            raise WeightsRejected(f"expected an integer of at most {LONGEST_INTEGER} bytes, got {length}")
        self._stack.append(self._number(length, signed=True))

    def push_tuple(self, length: int) -> None:
        """A tuple of the last values."""
        values = [self._pop() for _ in range(length)]
        self._stack.append(tuple(reversed(values)))

    def push_marked_tuple(self) -> None:
        """A tuple of all values since the mark."""
        self._stack.append(tuple(self._pop_to_mark()))

    def push(self, value: Any) -> None:
        """A constant."""
        self._stack.append(value)

    def push_number(self, length: int, *, signed: bool = False) -> None:
        """An integer of so many bytes."""
        self._stack.append(self._number(length, signed=signed))

    def push_name(self) -> None:
        """A name, if it is one of `NAMES`."""
        name = f"{self._line()} {self._line()}"
        if name not in NAMES:
            raise WeightsRejected(f"expected only tensors, got the name {name[:100]!r}")
        self._stack.append(Name(name))

    def remember(self, length: int) -> None:
        """Keep the last value under a number."""
        if not self._stack:
            raise WeightsRejected("expected a value on the pickle's stack, got none")
        self._memo[self._number(length)] = self._stack[-1]

    def recall(self, length: int) -> None:
        """A value that was kept."""
        key = self._number(length)
        if key not in self._memo:
            raise WeightsRejected(f"expected a value that was remembered before, got number {key}")
        self._stack.append(self._memo[key])

    def set_item(self) -> None:
        """One item of a dictionary."""
        value, key = self._pop(), self._pop()
        self._fill([key, value])

    def set_items(self) -> None:
        """All items of a dictionary since the mark."""
        self._fill(self._pop_to_mark())

    def _fill(self, values: list[Any]) -> None:
        target = self._top(dict)
        if len(values) % 2 or any(type(key) is not str for key in values[::2]):
            raise WeightsRejected("expected pairs of a text and a value in a dictionary")
        target.update(zip(values[::2], values[1::2], strict=True))

    def append_all(self) -> None:
        """All values since the mark, at the end of a list."""
        values = self._pop_to_mark()
        self._top(list).extend(values)

    def call(self) -> None:
        """A dictionary or a tensor: what the two names that can be called make."""
        arguments, name = self._pop(), self._pop()
        if name == Name(ORDERED_DICT) and arguments == ():
            self._stack.append({})
        elif name == Name(REBUILD):
            self._stack.append(tensor_of(arguments))
        else:
            raise WeightsRejected("expected a dictionary or a tensor, got another call")

    def drop_attributes(self) -> None:
        """A dictionary of tensors has the versions of its modules as an attribute, which nothing needs."""
        self._pop()
        self._top(dict)

    def push_storage(self) -> None:
        """A reference to numbers that follow the pickle."""
        self._stack.append(storage_of(self._pop()))


_ACTIONS: dict[bytes, Callable[[PickleReader], None]] = {
    b"\x80": PickleReader.protocol,
    b"(": PickleReader.mark,
    b"c": PickleReader.push_name,
    b"X": PickleReader.push_text,
    b"K": lambda reader: reader.push_number(1),
    b"M": lambda reader: reader.push_number(2),
    b"J": lambda reader: reader.push_number(4, signed=True),
    b"\x8a": PickleReader.push_long,
    b"N": lambda reader: reader.push(None),
    b"\x88": lambda reader: reader.push(True),
    b"\x89": lambda reader: reader.push(False),
    b")": lambda reader: reader.push(()),
    b"}": lambda reader: reader.push({}),
    b"]": lambda reader: reader.push([]),
    b"t": PickleReader.push_marked_tuple,
    b"\x85": lambda reader: reader.push_tuple(1),
    b"\x86": lambda reader: reader.push_tuple(2),
    b"\x87": lambda reader: reader.push_tuple(3),
    b"q": lambda reader: reader.remember(1),
    b"r": lambda reader: reader.remember(4),
    b"h": lambda reader: reader.recall(1),
    b"j": lambda reader: reader.recall(4),
    b"s": PickleReader.set_item,
    b"u": PickleReader.set_items,
    b"e": PickleReader.append_all,
    b"R": PickleReader.call,
    b"b": PickleReader.drop_attributes,
    b"Q": PickleReader.push_storage,
}
"""PROTO, MARK, GLOBAL, BINUNICODE, BININT1, BININT2, BININT, LONG1, NONE, NEWTRUE, NEWFALSE, EMPTY_TUPLE, EMPTY_DICT,
EMPTY_LIST, TUPLE, TUPLE1 to 3, BINPUT, LONG_BINPUT, BINGET, LONG_BINGET, SETITEM, SETITEMS, APPENDS, REDUCE, BUILD and
BINPERSID."""
