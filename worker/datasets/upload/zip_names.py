"""Decodes the names of zip entries: UTF-8, Info-ZIP's Unicode field, old code pages, and backslashes from Windows.

What a name says once it is decoded, and whether it is dangerous, is decided in `worker.datasets.upload.entry_paths`.
"""

import struct
import zlib
from typing import NamedTuple

from worker.datasets.upload.errors import ArchiveRejected

UTF8_FLAG = 0x800
UNICODE_PATH_EXTRA = 0x7075
"""Info-ZIP's field with the name in UTF-8, beside a name in an old code page (APPNOTE 4.6.9)."""
WINDOWS = frozenset({0, 6, 10, 11, 14})
"""Values of "version made by" for MS-DOS, OS/2 and Windows, the last in two counts: NTFS is 10 or 11, VFAT is 14."""

_UNICODE_PATH = struct.Struct("<BL")


class DecodedName(NamedTuple):
    """A name as text.

    Attributes:
        text: the name; "/" separates folders.
        is_guessed: it is in some old code page, and was read as code page 437.
    """

    text: str
    is_guessed: bool


def decode_name(raw: bytes, flags: int, system: int, extra: bytes, encoding: str | None) -> DecodedName:
    """The name of an entry, as Info-ZIP and libarchive read it, without `./` at its beginning.

    Args:
        raw: the name's bytes.
        flags: general purpose flags of the entry.
        system: which system made the entry, such as those in `WINDOWS`.
        extra: extra fields of the entry.
        encoding: code page of names that are not UTF-8, when the uploader knows it.

    Raises:
        ArchiveRejected: the flag says UTF-8 but the name is not UTF-8, or the name is not in the given encoding.
    """
    text, is_guessed = _decoded(raw, flags, extra, encoding)
    if system in WINDOWS and "/" not in text:
        # Windows PowerShell 5 writes backslashes. All rules for paths are applied to the result.
        text = text.replace("\\", "/")
    return DecodedName(text.removeprefix("./") or text, is_guessed)


def _decoded(raw: bytes, flags: int, extra: bytes, encoding: str | None) -> tuple[str, bool]:
    if flags & UTF8_FLAG:
        try:
            return raw.decode("utf-8"), False
        except UnicodeDecodeError:
            raise ArchiveRejected(f"A name in the archive is not UTF-8 as it claims: {raw[:80]!r}.") from None
    if raw.isascii() and not extra:
        return raw.decode("ascii"), False
    unicode_path = _unicode_path(raw, extra)
    if unicode_path is not None:
        return unicode_path, False
    if encoding is not None:
        return _in_encoding(raw, encoding), False
    try:
        return raw.decode("utf-8"), False
    except UnicodeDecodeError:
        return raw.decode("cp437"), True


def _in_encoding(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        raise ArchiveRejected(
            f"A name in the archive is not in the encoding {encoding!r}: {raw[:80]!r}. Leave `encoding` out, or name "
            "the code page of the computer that made the archive."
        ) from None


def _unicode_path(raw: bytes, extra: bytes) -> str | None:
    """The name in the Unicode field; None without the field, or when it belongs to another name or is damaged."""
    for kind, value in extra_fields(extra):
        if kind == UNICODE_PATH_EXTRA and len(value) > _UNICODE_PATH.size:
            version, crc = _UNICODE_PATH.unpack_from(value)
            if version == 1 and crc == zlib.crc32(raw):
                try:
                    return value[_UNICODE_PATH.size :].decode("utf-8")
                except UnicodeDecodeError:
                    return None
    return None


def extra_fields(extra: bytes) -> list[tuple[int, bytes]]:
    """Kind and value of each complete extra field."""
    found = []
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        value = extra[at + 4 : at + 4 + length]
        if len(value) == length:
            found.append((kind, value))
        at += 4 + length
    return found
