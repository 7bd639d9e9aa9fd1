"""Writes files into a zip within the limits of an upload: number of files, bytes, free space, processor time."""

import errno
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from model_store.free_space import has_space_for
from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.options import UploadLimits

CHUNK_BYTES = 1024 * 1024


class BoundedZip:
    """A zip without compression that refuses to grow beyond the limits.

    Args:
        path: of the new file.
        limits: of the upload.
        on_file: called with the number of files written so far; it may raise.
    """

    def __init__(self, path: Path, limits: UploadLimits, on_file: Callable[[int], None]) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self._folder = path.parent
        self._limits = limits
        self._on_file = on_file
        self._names: set[str] = set()
        self._n_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._zip.close()

    def add(self, name: str, content: BinaryIO, n_bytes: int) -> None:
        """Write a file. Of two files with one name, the first is kept.

        Args:
            name: path in the zip; the rules for names are checked when the zip is read.
            content: open for reading.
            n_bytes: its size.

        Raises:
            ArchiveRejected: there are too many files or bytes.
            OSError: the disk has too little free space.
        """
        if name in self._names:
            return
        self._names.add(name)
        self._n_bytes += n_bytes
        if len(self._names) > self._limits.max_files:
            raise ArchiveRejected(f"The archive has too many files; expected at most {self._limits.max_files:,}.")
        if self._n_bytes > self._limits.max_unpacked_bytes:
            raise ArchiveRejected(
                f"The archive is too large when unpacked; expected at most {self._limits.max_unpacked_bytes:,} bytes."
            )
        self.require_space(n_bytes)
        with self._zip.open(zipfile.ZipInfo(name), "w", force_zip64=n_bytes >= 1 << 31) as target:
            while chunk := content.read(CHUNK_BYTES):
                target.write(chunk)
        self._on_file(len(self._names))

    def require_space(self, n_bytes: int) -> None:
        """Raise `OSError` unless the disk has space for so many bytes."""
        if not has_space_for(self._folder, n_bytes, self._limits.min_free_bytes):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
