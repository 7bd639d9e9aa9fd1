"""Reads parts of an array's file without mapping it: an address space of 2 GB is too small for some datasets."""

import math
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray


class ArrayFile:
    """A `.npy` file of unsigned bytes whose first axis counts records.

    Attributes:
        shape: of the whole array.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        np.lib.format.read_magic(self._file)
        self.shape, _, _ = np.lib.format.read_array_header_1_0(self._file)
        self._start = self._file.tell()
        self._record_bytes = math.prod(self.shape[1:])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._file.close()

    def __len__(self) -> int:
        return int(self.shape[0])

    def between(self, start: int, stop: int) -> NDArray[np.uint8]:
        """The records from `start` up to `stop`: uint8, shape (n, …)."""
        stop = min(stop, len(self))
        at = self._start + start * self._record_bytes
        data = os.pread(self._file.fileno(), (stop - start) * self._record_bytes, at)
        return np.frombuffer(data, np.uint8).reshape(stop - start, *self.shape[1:])

    def rows(self, indices: Iterable[int]) -> NDArray[np.uint8]:
        """Some records: uint8, shape (n, …)."""
        found = [self.between(int(index), int(index) + 1) for index in indices]
        return np.concatenate(found) if found else np.empty((0, *self.shape[1:]), np.uint8)
