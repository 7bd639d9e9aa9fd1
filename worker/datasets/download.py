"""Downloads a dataset's official files into their directory; a file that is there is complete and verified.

A file is written under a temporary name in the same directory, checked, synced and renamed. Several processes may do
this at once: each writes its own temporary file, and the last rename puts the same bytes in place again. Files that
were put there by hand are not touched. This module does not know what the files contain.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO
from uuid import uuid4

from worker.datasets.errors import DatasetUnavailable
from worker.datasets.fetching import FetchFailed, check_digest, fetch, telling_disk_faults
from worker.datasets.official import Official, OfficialFile

if TYPE_CHECKING:
    import httpx

PART_SUFFIX = ".part"
ABANDONED_AFTER_S = 3600.0
"""A temporary file that was not written to for this long belongs to a process that was killed."""
COPY_BYTES = 1024 * 1024
MOST_OF_A_SIZE = 1.01
"""Of a file inside an archive of which only an MD5 sum is published: its size is known from hearsay."""


@dataclass(frozen=True)
class DownloadProgress:
    """How much of one file has been received."""

    dataset: str
    file: str
    received_bytes: int
    total_bytes: int

    def __str__(self) -> str:
        return f"{self.file}: {self.received_bytes / 1e6:.1f} of {self.total_bytes / 1e6:.1f} MB"


ProgressCallback = Callable[[DownloadProgress], None]


def download(
    dataset: str,
    official: Official,
    datasets_dir: Path,
    *,
    mirror: str | None = None,
    on_progress: ProgressCallback | None = None,
    timeout: httpx.Timeout | None = None,
) -> None:
    """Fetch the missing files.

    Args:
        dataset: name of the dataset, for progress and errors.
        official: what to fetch.
        datasets_dir: directory of all datasets; created if it is missing.
        mirror: address to use instead of `official.url`; it must serve the same bytes.
        on_progress: called after every chunk; an exception from it ends the download.
        timeout: how long to wait for a silent server.

    Raises:
        DatasetUnavailable: the files cannot be fetched or written. No partial file is left behind.
    """
    folder = datasets_dir / official.folder
    url = mirror or official.url

    def fetch_into(sink: BinaryIO, address: str, file: OfficialFile) -> None:
        def on_bytes(received: int) -> None:
            if on_progress:
                on_progress(DownloadProgress(dataset, file.name, received, file.size_bytes))

        fetch(address, sink, file, on_bytes, timeout)

    try:
        with telling_disk_faults():
            _prepare(folder)
            missing = official.missing(datasets_dir)
        if official.archive and missing:
            with _temporary(folder / official.archive.name) as (sink, _):
                fetch_into(sink, url, official.archive)
                _unpack(sink, official, missing, folder)
        else:
            for file in missing:
                with _staged(folder / file.name) as sink:
                    fetch_into(sink, f"{url.rstrip('/')}/{file.name}", file)
    except FetchFailed as error:
        raise DatasetUnavailable(dataset, str(error), official.hint(datasets_dir)) from error


def _prepare(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part in folder.glob(f".*{PART_SUFFIX}"):
        with suppress(FileNotFoundError):  # another process removed it first
            if time.time() - part.stat().st_mtime > ABANDONED_AFTER_S:
                part.unlink()


@contextmanager
def _temporary(target: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """An open file with a unique name in `target`'s directory; removed when the block ends unless it was renamed."""
    part = target.with_name(f".{target.name}.{uuid4().hex}{PART_SUFFIX}")
    try:
        with telling_disk_faults():
            sink = part.open("x+b")
        try:
            yield sink, part
        finally:
            with telling_disk_faults():  # closing writes the rest of the buffer, and the disk may be full
                sink.close()
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _staged(target: Path) -> Iterator[BinaryIO]:
    """A file that becomes `target` when the block succeeds, and is removed when it fails."""
    with _temporary(target) as (sink, part):
        yield sink
        with telling_disk_faults():
            sink.flush()
            os.fsync(sink.fileno())
            part.replace(target)
            _sync_directory(target.parent)


def _sync_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unpack(archive: BinaryIO, official: Official, wanted: Sequence[OfficialFile], folder: Path) -> None:
    """Copy known members to known names, so that no path in an archive becomes a path on disk."""
    by_member = {f"{official.folder}/{file.name}": file for file in wanted}
    with telling_disk_faults():
        archive.flush()
        archive.seek(0)
    try:
        with tarfile.open(fileobj=archive, mode="r:gz") as tar:
            for member in tar:
                file = by_member.get(member.name)
                source = tar.extractfile(member) if file and _is_plausible(member, file) else None
                if file and source:
                    _copy_member(source, file, folder / file.name)
                    del by_member[member.name]
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise FetchFailed(f"the archive cannot be unpacked ({error})") from error
    if by_member:
        raise FetchFailed(f"the archive lacks {', '.join(by_member)}")


def _is_plausible(member: tarfile.TarInfo, file: OfficialFile) -> bool:
    """Whether a member may be a file that is looked for; its checksum decides."""
    if file.algorithm == "md5":
        return member.isreg() and member.size <= MOST_OF_A_SIZE * file.size_bytes
    return member.isreg() and member.size == file.size_bytes


def _copy_member(source: IO[bytes], file: OfficialFile, target: Path) -> None:
    digest = hashlib.new(file.algorithm, usedforsecurity=False)
    with _staged(target) as sink:
        while chunk := source.read(COPY_BYTES):
            digest.update(chunk)
            with telling_disk_faults():
                sink.write(chunk)
        check_digest(digest.hexdigest(), file)
