"""Reads a zip archive's directory and refuses every archive that two readers could understand differently.

Field names and signatures are those of the ZIP specification (PKWARE APPNOTE 6.3.10, sections 4.3 and 4.4). What the
names mean is not known here.

Why not Python's `zipfile`: it ignores what our rules compare. Of 20 hostile archives that this module refuses
(`tests/unit/service/datasets/test_hostile_archives.py`), `zipfile` of Python 3.11 accepts 14, even when every entry is
opened. Six of these could be refused by a look at its `ZipInfo` (links, ratios). Eight could not, since it exposes
neither the end records nor the local headers: bytes before or after the archive, several disks, two ends that differ,
missing 64-bit sizes, and a size, packed size or CRC-32 that differs between directory and local header. It also builds
an object for every entry before a caller can stop it: an archive of a million empty files takes 489 MiB and 7.7 s, and
is refused here after its end record, in less than 0.01 s.
"""

import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from worker.datasets.upload.errors import ArchiveRejected, shown
from worker.datasets.upload.other_kinds import START_BYTES, kind_of
from worker.datasets.upload.zip_names import decode_name, extra_fields

STORED, DEFLATED = 0, 8
ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000
STREAMED_FLAG = 0x8
"""Size and CRC-32 follow the file instead of preceding it."""
ZIP64_EXTRA = 0x0001
MOST_OF_A_RATIO, RATIO_FROM_BYTES = 100, 1024 * 1024
MAX_COMMENT = 65535

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive.

    Attributes:
        name: path inside the archive, unchecked.
        is_deflated: compressed; otherwise stored as it is.
        crc: CRC-32 of the file.
        packed_bytes: bytes in the archive.
        size_bytes: declared size of the file.
        start: offset of its bytes in the archive.
        raw_name: its name as bytes, which its local header must repeat.
        is_name_guessed: its name is in an unknown code page.
    """

    name: str
    is_deflated: bool
    crc: int
    packed_bytes: int
    size_bytes: int
    start: int
    raw_name: bytes
    is_name_guessed: bool

    @property
    def is_folder(self) -> bool:
        """Whether this is the entry of a folder, without content."""
        return self.name.endswith("/")


@dataclass(frozen=True, slots=True)
class _Directory:
    offset: int
    size_bytes: int
    n_entries: int
    is_count_wrapped: bool = False

    def announces(self, n_entries: int) -> bool:
        """Whether the end record fits this number: without 64-bit end, the Finder counts modulo 65,536."""
        return n_entries == self.n_entries or (self.is_count_wrapped and n_entries & _FULL16 == self.n_entries)


def read_directory(file: BinaryIO, max_files: int, max_unpacked_bytes: int, encoding: str | None = None) -> list[Entry]:
    """All entries of an archive, in the order of the directory.

    Args:
        file: the archive.
        max_files: most entries, folders included.
        max_unpacked_bytes: most bytes of all files together, as the directory declares them.
        encoding: code page of names that are not UTF-8.

    Raises:
        ArchiveRejected: not a zip archive, a damaged or contradictory one, or one that exceeds the limits.
    """
    descriptor = file.fileno()
    directory = _find_directory(descriptor, os.fstat(descriptor).st_size)
    if directory.n_entries > max_files:
        raise _too_many(max_files)
    entries: list[Entry] = []
    total = 0
    for entry in _walk(descriptor, directory, encoding):
        total += entry.size_bytes
        if len(entries) == max_files:
            raise _too_many(max_files)
        if total > max_unpacked_bytes:
            raise ArchiveRejected(
                f"The archive is too large when unpacked; expected at most {max_unpacked_bytes:,} bytes, got more."
            )
        entries.append(entry)
    if not directory.announces(len(entries)):
        raise _contradiction(f"it announces {directory.n_entries} entries and has {len(entries)}")
    return _located(descriptor, entries, directory)


def _find_directory(descriptor: int, size: int) -> _Directory:
    tail_start = max(0, size - _END.size - MAX_COMMENT)
    tail = os.pread(descriptor, size - tail_start, tail_start)
    start = os.pread(descriptor, START_BYTES, 0)
    if not start.startswith(b"PK"):
        raise ArchiveRejected(
            "The file is not a zip archive; expected a zip, which begins with the letters PK, a tar, a CSV file with "
            f"pixels, or a Parquet file, got {kind_of(start)}."
        )
    ends = [at for at in _all_of(tail, b"PK\5\6") if _ends_there(tail, at)]
    if not ends:
        raise ArchiveRejected("The archive is cut short or damaged; expected a zip archive's directory at its end.")
    if len(ends) > 1:
        raise _contradiction("it has two ends")
    position = tail_start + ends[0]
    _, disk, directory_disk, n_here, n_all, length, offset, _ = _END.unpack_from(tail, ends[0])
    found = _Directory(offset, length, n_all, is_count_wrapped=True)
    locator = os.pread(descriptor, _END64_LOCATOR.size, max(0, position - _END64_LOCATOR.size))
    is_zip64 = locator.startswith(b"PK\6\7")
    only_disk = {0, _FULL16} if is_zip64 else {0}
    if not {disk, directory_disk} <= only_disk or n_here != n_all:
        raise ArchiveRejected("The archive is one part of several; expected a single file.")
    if is_zip64:
        position, found = _zip64_directory(descriptor, locator, position - _END64_LOCATOR.size, found)
    if found.offset + found.size_bytes != position:
        raise _contradiction("its directory is not where its end record says")
    return found


def _all_of(data: bytes, wanted: bytes) -> Iterator[int]:
    at = data.find(wanted)
    while at >= 0:
        yield at
        at = data.find(wanted, at + 1)


def _ends_there(tail: bytes, at: int) -> bool:
    """Whether this is an end record whose comment fills the rest of the file."""
    return at + _END.size <= len(tail) and at + _END.size + _END.unpack_from(tail, at)[7] == len(tail)


def _zip64_directory(descriptor: int, locator: bytes, position: int, small: _Directory) -> tuple[int, _Directory]:
    """The 64-bit end record's position and content; each field of the 32-bit one must agree or be full."""
    _, disk, offset, n_disks = _END64_LOCATOR.unpack(locator)
    record = os.pread(descriptor, _END64.size, offset) if offset < position else b""
    if len(record) < _END64.size or not record.startswith(b"PK\6\6") or disk or n_disks > 1:
        raise _contradiction("its 64-bit end is missing")
    _, length, _, _, _, _, n_here, n_all, size, start = _END64.unpack(record)
    if offset + 12 + length != position or n_here != n_all:
        raise _contradiction("its 64-bit end does not fit")
    said = ((small.size_bytes, size, _FULL32), (small.offset, start, _FULL32))
    count_fits = small.n_entries in (n_all, n_all & _FULL16, _FULL16)
    if not count_fits or any(little not in (large, full) for little, large, full in said):
        raise _contradiction("its two ends differ")
    return offset, _Directory(start, size, n_all)


def _walk(descriptor: int, directory: _Directory, encoding: str | None) -> Iterator[Entry]:
    at, end = directory.offset, directory.offset + directory.size_bytes
    while at < end:
        fixed = os.pread(descriptor, _ENTRY.size, at)
        if len(fixed) < _ENTRY.size or not fixed.startswith(b"PK\1\2"):
            raise _contradiction("its directory is damaged")
        fields = _ENTRY.unpack(fixed)
        name_length, extra_length, comment_length = fields[10:13]
        at += _ENTRY.size
        names = os.pread(descriptor, name_length + extra_length, at)
        at += name_length + extra_length + comment_length
        if at > end or len(names) < name_length + extra_length:
            raise _contradiction("its directory is cut short")
        yield _entry(fields, names[:name_length], names[name_length:], encoding)


def _entry(fields: tuple[int, ...], raw_name: bytes, extra: bytes, encoding: str | None) -> Entry:
    flags, method, crc, packed, size = fields[3], fields[4], fields[7], fields[8], fields[9]
    name, is_guessed = decode_name(raw_name, flags, fields[1] >> 8, extra, encoding)
    disk, attributes, offset = fields[13], fields[15], fields[16]
    size, packed, offset = _with_zip64(name, extra, size, packed, offset)
    if flags & ENCRYPTED_FLAGS:
        raise ArchiveRejected(f"The archive is encrypted at {shown(name)}; expected one without a password.")
    if stat.S_IFMT(attributes >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveRejected(f"{shown(name)} is neither a file nor a folder; expected no links and no devices.")
    if method not in (STORED, DEFLATED):
        raise ArchiveRejected(
            f"{shown(name)} is compressed by method {method}; expected deflate or none, as every zip tool can write."
        )
    if disk or (method == STORED and packed != size) or packed > 2 * size + 1024 or (name.endswith("/") and size):
        raise _contradiction(f"impossible sizes at {shown(name)}")
    if size > RATIO_FROM_BYTES and size > MOST_OF_A_RATIO * packed:
        raise ArchiveRejected(
            f"{shown(name)} unpacks to more than {MOST_OF_A_RATIO} times its size; expected pictures, got a zip bomb."
        )
    return Entry(name, method == DEFLATED, crc, packed, size, offset, raw_name, is_guessed)


def _with_zip64(name: str, extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """The three numbers; those whose own field is full come from the 64-bit extra field."""
    values = [size, packed, offset]
    wanted = [place for place, value in enumerate(values) if value == _FULL32]
    if not wanted:
        return size, packed, offset
    for kind, value in extra_fields(extra):
        if kind == ZIP64_EXTRA and len(value) >= 8 * len(wanted):
            found = struct.unpack_from(f"<{len(wanted)}Q", value)
            for place, number in zip(wanted, found, strict=True):
                values[place] = number
            return values[0], values[1], values[2]
    raise _contradiction(f"its 64-bit sizes are missing at {shown(name)}")


def _located(descriptor: int, entries: list[Entry], directory: _Directory) -> list[Entry]:
    """The entries with the offsets of their bytes, after checking that none overlap and the local headers agree."""
    if not entries:
        return []
    order = sorted(range(len(entries)), key=lambda index: entries[index].start)
    ends = [entries[index].start for index in order[1:]] + [directory.offset]
    for index, end in zip(order, ends, strict=True):
        entry = entries[index]
        start = _start_of_data(descriptor, entry)
        if start + entry.packed_bytes > end:
            raise _contradiction(f"files that overlap at {shown(entry.name)}")
        entries[index] = replace(entry, start=start)
    return entries


def _start_of_data(descriptor: int, entry: Entry) -> int:
    fixed = os.pread(descriptor, _LOCAL.size, entry.start) if entry.start < 2**62 else b""
    if len(fixed) < _LOCAL.size or not fixed.startswith(b"PK\3\4"):
        raise _contradiction(f"no file where the directory says at {shown(entry.name)}")
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack(fixed)
    raw_name = os.pread(descriptor, name_length, entry.start + _LOCAL.size)
    if raw_name != entry.raw_name or (method == DEFLATED) != entry.is_deflated or flags & ENCRYPTED_FLAGS:
        raise _contradiction(f"a file and the directory differ at {shown(entry.name)}")
    said = ((crc, entry.crc), (packed, entry.packed_bytes), (size, entry.size_bytes))
    if not flags & STREAMED_FLAG and any(local not in (central, _FULL32) for local, central in said):
        raise _contradiction(f"a file's size or CRC-32 and the directory's differ at {shown(entry.name)}")
    return int(entry.start + _LOCAL.size + name_length + extra_length)


def _too_many(max_files: int) -> ArchiveRejected:
    return ArchiveRejected(f"The archive has too many files; expected at most {max_files:,}, got more.")


def _contradiction(what: str) -> ArchiveRejected:
    return ArchiveRejected(f"The archive is damaged or contradicts itself: {what}. Expected an ordinary zip archive.")
