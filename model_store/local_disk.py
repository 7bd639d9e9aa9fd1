"""Objects as files below one directory, durable in the order they were written.

Every object is written to `staging/`, synced, and only then linked or renamed to its final path, whose directory is
synced in turn. After a power cut an object is therefore absent or complete, and no later object exists without the
earlier ones. Symbolic links below the directory are never followed. The process's umask decides the modes, so that an
API and a worker of different users can share a store through a group.

obstore's local backend is not used: it links without syncing, follows symbolic links out of its directory, cannot
list a directory that holds a file name that is not UTF-8, and does not show what a killed writer left behind.
"""

import errno
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from model_store.errors import NO_SPACE, StoreFull, StoreUnavailable
from model_store.objects import CHUNK_BYTES, OpenedObject, StoredObject

STAGING = "staging"


class LocalDisk:
    """Objects below one directory, which is created when it is missing."""

    def __init__(self, directory: Path) -> None:
        self._url = directory.absolute().as_uri()
        with self._reported():
            _make_directory(directory.absolute())
            self._root = directory.resolve(strict=True)

    @property
    def url(self) -> str:
        """The directory as a `file://` URL."""
        return self._url

    def put(self, path: str, data: bytes | Path) -> None:
        """Write an object, replacing any existing one."""
        with self._reported(), self._staged(data) as staged:
            target = self._target_of(path)
            staged.replace(target)
            _sync_directory(target.parent)

    def create(self, path: str, data: bytes) -> bool:
        """Write an object if there is none. True also when the existing object has exactly these bytes."""
        with self._reported(), self._staged(data) as staged:
            target = self._target_of(path)
            try:
                target.hardlink_to(staged)
            except FileExistsError:
                return self._holds(path, data)
            _sync_directory(target.parent)
        return True

    def read(self, path: str) -> bytes:
        """All bytes of an object."""
        with self._reported(FileNotFoundError), self._opened(path) as file:
            return file.read()

    def open(self, path: str) -> OpenedObject:
        """An object to be read in chunks."""
        with self._reported(FileNotFoundError), self._opened(path) as file:
            size_bytes = os.fstat(file.fileno()).st_size
        return OpenedObject(size_bytes, self._chunks(path))

    def list(self, prefix: str, limit: int | None = None) -> list[StoredObject]:
        """Every regular file below a prefix, including files that do not belong to the store; at most `limit` + 1."""
        with self._reported():
            self._root.stat()
            try:
                self._refuse_links(self._root / prefix)
            except FileNotFoundError:
                return []
            return list(islice(_walk(self._root / prefix, prefix), None if limit is None else limit + 1))

    def names(self, prefix: str) -> Sequence[str]:
        """Names of the files and directories directly below a prefix."""
        with self._reported():
            self._root.stat()
            try:
                self._refuse_links(self._root / prefix)
                return [found.name for found in (self._root / prefix).iterdir()]
            except (FileNotFoundError, NotADirectoryError):
                return []

    def tag(self, path: str, known: str | None = None) -> str:
        """The bytes themselves: times and inodes repeat when a file is replaced twice within a tick of the clock."""
        with self._reported():
            self._root.stat()
            try:
                return self.read(path).hex()
            except FileNotFoundError:
                return ""

    @property
    def is_remote(self) -> bool:
        """False."""
        return False

    def delete(self, paths: Iterable[str]) -> None:
        """Remove objects, and their directories once they are empty."""
        with self._reported():
            parents = set()
            for path in paths:
                with suppress(FileNotFoundError):
                    target = self._inside(path)
                    target.unlink()
                    parents.add(target.parent)
            for parent in parents:
                _sync_after_removal(parent)

    def discard_unfinished(self, older_than_s: float) -> int:
        """Remove staged files that are older than this: their writers died."""
        limit = time.time() - older_than_s
        removed = 0
        with self._reported():
            for found in _walk(self._root / STAGING, f"{STAGING}/"):
                if found.modified_at.timestamp() <= limit:
                    (self._root / found.path).unlink(missing_ok=True)
                    removed += 1
        return removed

    def free_bytes(self) -> int | None:
        """Free space on the directory's file system for users other than root."""
        with self._reported():
            return shutil.disk_usage(self._root).free

    def _holds(self, path: str, data: bytes) -> bool:
        try:
            return self.read(path) == data
        except FileNotFoundError:
            return False

    @contextmanager
    def _staged(self, data: bytes | Path) -> Iterator[Path]:
        """A synced file with this content, on the file system of the objects; removed afterwards."""
        self._root.stat()  # a root directory that was removed must not be recreated empty
        _make_directory(self._root / STAGING)
        staged = self._root / STAGING / uuid4().hex
        try:
            with staged.open("xb") as file:
                _write(data, file)
                file.flush()
                os.fsync(file.fileno())
            yield staged
        finally:
            staged.unlink(missing_ok=True)

    def _target_of(self, path: str) -> Path:
        """The file to write for a path, with its directory created."""
        target = self._inside(path)
        _make_directory(target.parent)
        return target

    def _inside(self, path: str) -> Path:
        """The file for a path. Raises `FileNotFoundError` when a symbolic link is on the way to it."""
        target = self._root / path
        self._refuse_links(target.parent)
        return target

    def _refuse_links(self, directory: Path) -> None:
        for level in (directory, *directory.parents):
            if level == self._root:
                return
            if level.is_symlink():
                raise FileNotFoundError(errno.ENOENT, "expected a directory, got a symbolic link", str(level))

    @contextmanager
    def _opened(self, path: str) -> Iterator[BinaryIO]:
        """A regular file; a link, a pipe or a directory does not count as an object."""
        try:
            # Without O_NONBLOCK, opening a pipe would wait for its writer.
            descriptor = os.open(self._inside(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
                raise _not_an_object(path) from error
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _not_an_object(path)
        with os.fdopen(descriptor, "rb") as file:
            yield file

    def _chunks(self, path: str) -> Iterator[bytes]:
        with self._reported(FileNotFoundError), self._opened(path) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    @contextmanager
    def _reported(self, *expected: type[OSError]) -> Iterator[None]:
        """Turn file system errors into `StoreUnavailable`, except for the `expected` ones, which the caller handles."""
        try:
            yield
        except expected:
            raise
        except OSError as error:
            kind = StoreFull if error.errno in NO_SPACE else StoreUnavailable
            raise kind(self._url, error.strerror or type(error).__name__) from error


def _not_an_object(path: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "expected a regular file", path)


def _write(data: bytes | Path, file: BinaryIO) -> None:
    if isinstance(data, bytes):
        file.write(data)
        return
    with data.open("rb") as source:
        shutil.copyfileobj(source, file, CHUNK_BYTES)


def _walk(directory: Path, prefix: str) -> Iterator[StoredObject]:
    """Regular files below a directory; entries that disappear meanwhile are skipped."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(directory / entry.name, f"{prefix}{entry.name}/")
            elif entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    facts = entry.stat(follow_symlinks=False)
                    modified_at = datetime.fromtimestamp(facts.st_mtime, UTC)
                    yield StoredObject(f"{prefix}{entry.name}", facts.st_size, modified_at)


def _make_directory(directory: Path) -> None:
    """Create a directory and its parents, each synced into its own parent."""
    if directory.is_dir():
        return
    _make_directory(directory.parent)
    directory.mkdir(exist_ok=True)
    _sync_directory(directory.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_after_removal(directory: Path) -> None:
    """Remove a directory if it is empty, and sync the removal to disk."""
    try:
        directory.rmdir()
    except OSError:
        # Not empty, or already removed by another process: in both cases only the sync remains.
        with suppress(FileNotFoundError):
            _sync_directory(directory)
    else:
        _sync_directory(directory.parent)
