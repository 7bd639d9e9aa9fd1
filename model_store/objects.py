"""What the store asks of the storage below it: eight verbs on objects named by path.

`LocalDisk` answers them with a directory, `Bucket` with anything obstore can reach (and with memory, in tests). The
verbs know bytes and paths; what a model is, they do not know.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object, as a listing shows it."""

    path: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class OpenedObject:
    """An object whose size is known and whose bytes are still to be read, in chunks of about `CHUNK_BYTES`."""

    size_bytes: int
    chunks: Iterator[bytes]


class Objects(Protocol):
    """Storage of immutable objects.

    Each verb raises `StoreUnavailable` when the storage refuses or does not answer, `StoreFull` when that is for want
    of room. Readers of a path that holds no object get the built-in `FileNotFoundError`.
    """

    @property
    def url(self) -> str:
        """Where the objects are, without credentials: for messages."""
        ...

    def put(self, path: str, data: bytes | Path) -> None:
        """Write an object, replacing any other; a reader sees the old one or the whole new one."""
        ...

    def create(self, path: str, data: bytes) -> bool:
        """Write an object only if there is none: exactly one of many rivals gets True.

        The answer is also True when the object there has these very bytes, so a network that lost the first answer
        does no harm. Rivals must therefore differ in what they write.
        """
        ...

    def read(self, path: str) -> bytes:
        """All bytes of an object."""
        ...

    def open(self, path: str) -> OpenedObject:
        """An object to be read piece by piece."""
        ...

    def list(self, prefix: str) -> list[StoredObject]:
        """Every object below a prefix that ends at a path separator, at any depth, in no order."""
        ...

    def delete(self, paths: Iterable[str]) -> None:
        """Remove objects; those already gone are no error."""
        ...

    def discard_unfinished(self, older_than_s: float) -> int:
        """Remove what writers that died in the middle of `put` left, and say how many pieces that was."""
        ...

    def free_bytes(self) -> int | None:
        """Room that is left; None where there is no telling, as in a bucket."""
        ...
