"""Writes an archive member by member, as a stream: into a file or a pipe. The index is written at the end."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, BinaryIO, cast

from model_store.objects import Objects
from service.cli.backup.layout import HEADER, INDEX, Header, IndexEnd, IndexEntry

GZIP_LEVEL = 1
"""Weights and packed pictures hardly get smaller with more."""


class ArchiveWriter:
    """Writes one archive.

    Args:
        stream: to write to.
        written: is told of bytes that were written.
    """

    def __init__(self, stream: BinaryIO, written: Callable[[int], None] = lambda _: None) -> None:
        self._tar = tarfile.TarFile(fileobj=cast(IO[bytes], _Sink(stream)), mode="w", format=tarfile.PAX_FORMAT)
        self._written = written
        self._entries: dict[str, IndexEntry] = {}
        self._started_at = datetime.now(UTC)
        self._write(HEADER, Header(made_at=self._started_at).model_dump_json().encode())

    def add(self, name: str, data: bytes) -> None:
        """Write a member from memory."""
        self._entries[name] = self._write(name, data)

    def add_object(self, name: str, objects: Objects, path: str) -> bool:
        """Write an object of a store as a member; False if it was removed or replaced meanwhile."""
        try:
            opened = objects.open(path)
        except FileNotFoundError:
            self.drop(name)
            return False
        content = _Content(opened.size_bytes, opened.chunks, self._written)
        self._tar.addfile(self._info(name, opened.size_bytes), cast(io.BufferedReader, content))
        if not content.is_whole():
            self.drop(name)
            return False
        self._entries[name] = IndexEntry(name=name, size_bytes=opened.size_bytes, sha256=content.sha256)
        return True

    def drop(self, name: str) -> None:
        """Leave a member out of the index: it is no part of the backup."""
        self._entries.pop(name, None)

    def end(self, jobs_at: float | None) -> list[IndexEntry]:
        """Write the index and end the archive; return what it has."""
        entries = list(self._entries.values())
        lines = b"".join(entry.model_dump_json().encode() + b"\n" for entry in entries)
        end = IndexEnd(sha256=hashlib.sha256(lines).hexdigest(), jobs_at=jobs_at)
        self._write(INDEX, lines + end.model_dump_json().encode() + b"\n")
        self._tar.close()
        return entries

    def _write(self, name: str, data: bytes) -> IndexEntry:
        self._tar.addfile(self._info(name, len(data)), io.BytesIO(data))
        return IndexEntry(name=name, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())

    def _info(self, name: str, size_bytes: int) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size_bytes, 0o600, int(self._started_at.timestamp())
        return info


@contextmanager
def compressed(stream: BinaryIO) -> Iterator[BinaryIO]:
    """The stream with gzip in front of it."""
    with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=GZIP_LEVEL, filename="") as packed:
        yield cast(BinaryIO, packed)


class _Sink:
    """A stream that knows how much was written to it, which a pipe does not."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._position = 0

    def write(self, data: bytes) -> int:
        """Write all of it."""
        self._stream.write(data)
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        """Bytes written so far."""
        return self._position


class _Content:
    """An object as a file of the announced size: filled up if there is less, cut if there is more."""

    def __init__(self, size_bytes: int, chunks: Iterator[bytes], written: Callable[[int], None]) -> None:
        self._chunks = chunks
        self._left = size_bytes
        self._rest = b""
        self._digest = hashlib.sha256()
        self._is_short = False
        self._written = written

    @property
    def sha256(self) -> str:
        """Of what was read, in lowercase hex."""
        return self._digest.hexdigest()

    def is_whole(self) -> bool:
        """Whether the object had exactly the announced size."""
        return not self._is_short and not self._rest and not self._next()

    def read(self, size: int) -> bytes:
        """Exactly so many bytes; the archive asks for no more than the announced size."""
        while len(self._rest) < size and (chunk := self._next()):
            self._rest += chunk
        data, self._rest = self._rest[:size], self._rest[size:]
        if len(data) < size:
            self._is_short = True
            data += bytes(size - len(data))
        self._digest.update(data)
        self._written(len(data))
        return data

    def _next(self) -> bytes:
        try:
            return next(self._chunks, b"")
        except FileNotFoundError:
            self._is_short = True
            return b""
