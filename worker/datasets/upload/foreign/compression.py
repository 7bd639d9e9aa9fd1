"""Opens files that are compressed as a whole, and tells what is inside."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

START_BYTES = 64 * 1024
FAILURES = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, ValueError)
"""What reading a damaged file raises, besides an `OSError` without a number."""
MAGIC: Mapping[bytes, str] = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz"}
"""How compressed files begin, and how `tarfile` calls the compression."""


def compression_of(start: bytes) -> str:
    """How a file that begins with these bytes is compressed; empty when it is not."""
    return next((name for magic, name in MAGIC.items() if start.startswith(magic)), "")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file open for reading, unpacked on the way if it is compressed."""
    with path.open("rb") as file:
        kind = compression_of(file.read(8))
        file.seek(0)
        if not kind:
            yield file
            return
        unpack = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}[kind]
        with unpack(file) as unpacked:  # type: ignore[operator]
            yield unpacked


def start_of(path: Path) -> bytes:
    """The first bytes of a file, unpacked; those that are in the file when they cannot be unpacked."""
    try:
        with opened(path) as file:
            return file.read(START_BYTES)
    except (*FAILURES, OSError):
        with path.open("rb") as file:
            return file.read(START_BYTES)
