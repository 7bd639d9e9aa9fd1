"""The storage interface below the store: operations on objects named by path.

`LocalDisk` implements it with a directory, `Bucket` with everything obstore can reach (and with memory, in tests). The
operations handle bytes and paths and do not know what a model is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object in a listing."""

    path: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class OpenedObject:
    """An object of known size whose bytes are read later, in chunks of about `CHUNK_BYTES`."""

    size_bytes: int
    chunks: Iterator[bytes]


class Objects(Protocol):
    """Storage of immutable objects.

    Each operation raises `StoreUnavailable` when the storage refuses or does not answer, and `StoreFull` when the disk
    is full. Reading a path without an object raises the built-in `FileNotFoundError`.
    """

    @property
    def url(self) -> str:
        """Where the objects are, without credentials: for messages."""
        ...

    def put(self, path: str, data: bytes | Path) -> None:
        """Write an object, replacing any existing one; a reader sees the old one or the complete new one."""
        ...

    def create(self, path: str, data: bytes) -> bool:
        """Write an object only if there is none: of many concurrent writers exactly one gets True.

        The result is also True when the existing object has exactly these bytes, so that a retry after a lost network
        response succeeds. Concurrent writers must therefore write different bytes.
        """
        ...

    def read(self, path: str) -> bytes:
        """All bytes of an object."""
        ...

    def open(self, path: str) -> OpenedObject:
        """An object to be read in chunks."""
        ...

    def list(self, prefix: str, limit: int | None = None) -> list[StoredObject]:
        """Every object below a prefix that ends at a path separator, at any depth, in no particular order.

        Args:
            prefix: of their paths.
            limit: stop when there are more than so many; some of those beyond it may be in the answer.
        """
        ...

    def names(self, prefix: str) -> Sequence[str]:
        """Names of the objects and directories directly below a prefix that ends at a path separator, in no order."""
        ...

    def tag(self, path: str, known: str | None = None) -> str:
        """What identifies the present bytes of an object: two tags differ if the bytes do. Empty without an object.

        Args:
            path: of the object.
            known: an earlier tag; bytes that still have it are not transferred.
        """
        ...

    @property
    def is_remote(self) -> bool:
        """Whether every operation is a request to a storage service."""
        ...

    def delete(self, paths: Iterable[str]) -> None:
        """Remove objects; missing ones are not an error."""
        ...

    def discard_unfinished(self, older_than_s: float) -> int:
        """Remove the leftovers of writers that died during `put`, and return how many were removed."""
        ...

    def free_bytes(self) -> int | None:
        """Free space in bytes; None where it is unknown, as in a bucket."""
        ...
