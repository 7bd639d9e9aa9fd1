"""Reads one file of a zip archive into memory, never more than the archive's directory declares."""

import os
import zlib
from typing import BinaryIO

from worker.datasets.upload.errors import ArchiveRejected, shown
from worker.datasets.upload.zip_directory import Entry

COPY_BYTES = 1024 * 1024


def read_file(descriptor: int, entry: Entry) -> bytes:
    """The file's bytes, checked against their declared size and CRC-32.

    Args:
        descriptor: of the archive.
        entry: the caller has made sure that its declared size is small enough for memory.

    Raises:
        ArchiveRejected: the bytes do not match the declaration.
    """
    packed = os.pread(descriptor, entry.packed_bytes, entry.start)
    data = _inflated(packed, entry) if entry.is_deflated else packed
    if len(data) != entry.size_bytes or zlib.crc32(data) != entry.crc:
        raise _damaged(entry, "its size or its CRC-32 differs from the declared one")
    return data


def read_start(descriptor: int, entry: Entry, n_bytes: int) -> bytes:
    """At most so many of the file's first bytes; they are not checked against its CRC-32.

    Raises:
        ArchiveRejected: they cannot be unpacked.
    """
    if not entry.is_deflated:
        return os.pread(descriptor, min(n_bytes, entry.size_bytes), entry.start)
    packed = os.pread(descriptor, min(2 * n_bytes, entry.packed_bytes), entry.start)
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, n_bytes)
    except zlib.error as error:
        raise _damaged(entry, "it cannot be unpacked") from error


def copy_file(descriptor: int, entry: Entry, target: BinaryIO) -> None:
    """Write the file's bytes into another file, a piece at a time, checked as by `read_file`.

    Raises:
        ArchiveRejected: the bytes do not match the declaration.
        OSError: the disk is full.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    size = crc = 0
    try:
        for at in range(entry.start, entry.start + entry.packed_bytes, COPY_BYTES):
            piece = os.pread(descriptor, min(COPY_BYTES, entry.start + entry.packed_bytes - at), at)
            while piece:
                data = inflater.decompress(piece, COPY_BYTES) if entry.is_deflated else piece
                piece = inflater.unconsumed_tail
                size, crc = size + len(data), zlib.crc32(data, crc)
                if size > entry.size_bytes:
                    raise _damaged(entry, "it is longer than declared")
                target.write(data)
    except zlib.error as error:
        raise _damaged(entry, "it cannot be unpacked") from error
    if size != entry.size_bytes or crc != entry.crc:
        raise _damaged(entry, "its size or its CRC-32 differs from the declared one")


def _inflated(packed: bytes, entry: Entry) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(packed, entry.size_bytes + 1)
    except zlib.error as error:
        raise _damaged(entry, "it cannot be unpacked") from error
    if not inflater.eof and len(data) <= entry.size_bytes:
        raise _damaged(entry, "it ends too early")
    return data


def _damaged(entry: Entry, reason: str) -> ArchiveRejected:
    return ArchiveRejected(f"The archive is damaged at {shown(entry.name)}: {reason}. Zip the folder and upload again.")
