"""Reads an archive twice: once to compare everything with the index, then to hand out what belongs to the backup."""

import hashlib
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from pydantic import ValidationError

from service.cli.backup.layout import HEADER, INDEX, BackupDamaged, Header, IndexEnd, IndexEntry, named, read_header
from service.cli.errors import CommandFailed

CHUNK_BYTES = 2**20
IN_MEMORY_BYTES = 8 * 2**20
"""Larger members are put into temporary files."""
MOST_HEADER_BYTES = 2**16


@dataclass(frozen=True)
class Backup:
    """A backup whose every byte was compared with its index.

    Attributes:
        path: of its file.
        header: of its archive.
        entries: what belongs to it, by number of the member.
        jobs_at: when its jobs were read, in seconds since the epoch; None if it has none.
    """

    path: Path
    header: Header
    entries: dict[int, IndexEntry]
    jobs_at: float | None

    def size_bytes(self, folder: str) -> int:
        """Of everything whose name begins with this."""
        return sum(entry.size_bytes for entry in self.entries.values() if entry.name.startswith(folder))

    def members(self) -> Iterator[tuple[IndexEntry, IO[bytes]]]:
        """Everything that belongs to it, in the order in which it may be written; each is closed after its turn.

        Raises:
            BackupDamaged: the file has changed since it was verified.
        """
        with _opened(self.path) as tar:
            for number, member in enumerate(tar):
                if number in self.entries:
                    entry = self.entries[number]
                    with _copy_of(tar, member, entry) as content:
                        yield entry, content


def verify(path: Path, read: Callable[[int], None] = lambda _: None) -> Backup:
    """Read a whole backup and compare it with its index.

    Args:
        path: of the file.
        read: is told of bytes that were read.

    Raises:
        CommandFailed: the file cannot be read, is no backup, is damaged or incomplete, or has a newer format.
    """
    found: dict[str, tuple[int, int, str]] = {}
    header: Header | None = None
    index = b""
    with _opened(path) as tar:
        for number, member in enumerate(tar):
            if number == 0:
                header = _header_of(tar, member)
            elif member.name == INDEX:
                index = _whole(tar, member)
            else:
                found[member.name] = (number, member.size, _digest(tar, member, read))
    if header is None or not index:
        raise BackupDamaged("it ends before its index, so it was not written to its end")
    *lines, last = index.splitlines(keepends=True)
    end = _end_of(last, b"".join(lines))
    entries = dict(_compared(entry, found) for entry in named(iter(lines)))
    return Backup(path, header, entries, end.jobs_at)


def _compared(entry: IndexEntry, found: dict[str, tuple[int, int, str]]) -> tuple[int, IndexEntry]:
    number, size_bytes, sha256 = found.get(entry.name, (0, -1, ""))
    if (size_bytes, sha256) != (entry.size_bytes, entry.sha256):
        raise BackupDamaged(f"{entry.name} is not what was written")
    return number, entry


def _end_of(line: bytes, before: bytes) -> IndexEnd:
    try:
        end = IndexEnd.model_validate_json(line)
    except ValidationError as error:
        raise BackupDamaged("its index has no end") from error
    if end.sha256 != hashlib.sha256(before).hexdigest():
        raise BackupDamaged("its index is not what was written")
    return end


def _header_of(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Header:
    if member.name != HEADER or member.size > MOST_HEADER_BYTES:
        raise BackupDamaged(f"it does not begin with {HEADER}, so convserve has not written it")
    return read_header(_whole(tar, member))


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    """The archive, compressed by whatever Python can read. Raises `CommandFailed` for what goes wrong inside."""
    try:
        with tarfile.open(path, mode="r:*") as tar:
            yield tar
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise BackupDamaged(f"it is no tar archive, or was cut off ({error})") from error
    except OSError as error:
        raise CommandFailed(f"cannot read {path}: {error.strerror or error}") from error


def _file_of(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(member) if member.isfile() else None
    if file is None:
        raise BackupDamaged(f"{member.name!r} is no file")
    return file


def _whole(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    return _file_of(tar, member).read()


def _digest(tar: tarfile.TarFile, member: tarfile.TarInfo, read: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    file = _file_of(tar, member)
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
        read(len(chunk))
    return digest.hexdigest()


@contextmanager
def _copy_of(tar: tarfile.TarFile, member: tarfile.TarInfo, entry: IndexEntry) -> Iterator[IO[bytes]]:
    """A member's bytes once more, in memory or in a temporary file, after they were compared again."""
    digest = hashlib.sha256()
    source = _file_of(tar, member)
    with (
        tempfile.NamedTemporaryFile()
        if entry.size_bytes > IN_MEMORY_BYTES
        else tempfile.SpooledTemporaryFile(max_size=2 * IN_MEMORY_BYTES) as copy
    ):
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            copy.write(chunk)
        if digest.hexdigest() != entry.sha256:
            raise BackupDamaged(f"{entry.name} has changed since it was compared with the index")
        copy.flush()
        copy.seek(0)
        yield cast(IO[bytes], copy)
