"""Which way up a picture is, as its metadata says: EXIF in any form that Pillow reads, then XMP.

Gives the same answer as Pillow's `ImageOps.exif_transpose`, without reading any other tag: Pillow copies the value of
every entry, and a hostile directory has 65,535 entries that all point at the same megabytes.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress

UPRIGHT = 1
_PREFIX = b"Exif\0\0"
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
_ORDERS = {
    **dict.fromkeys((b"II*\0", b"II\0*"), "<"),
    **dict.fromkeys((b"MM\0*", b"MM*\0", b"MM\0+"), ">"),
}
"""How TIFF structures begin, valid or not, as far as Pillow reads them, and their byte order for `struct`."""
_TAG = 0x0112
_NUMBERS = {3: "H", 4: "I", 5: "II", 6: "b", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 13: "I", 16: "Q"}
"""TIFF's types of numbers for `struct`: SHORT, LONG, RATIONAL, SBYTE, SSHORT, SLONG, SRATIONAL, FLOAT, DOUBLE, IFD and
LONG8."""
_ENTRY_BYTES = 12
_INLINE_BYTES = 4


def orientation_of(info: Mapping[str | tuple[int, int], object]) -> int:
    """The orientation of a picture, 1 to 8; 1, upright, when there is none or the metadata cannot be read.

    Args:
        info: the `info` of a Pillow image whose pixels are loaded: in a PNG, metadata may follow them.
    """
    found = orientation_in_exif(_exif_of(info))
    if found is None:
        found = _orientation_in_xmp(info)
    return found if found is not None and 1 <= found <= 8 else UPRIGHT


def orientation_in_exif(exif: bytes) -> int | None:
    """The number in the orientation tag, whatever it is; None when there is no such tag.

    Args:
        exif: a TIFF structure, with or without the prefix that JPEG puts before it.
    """
    while exif.startswith(_PREFIX):
        exif = exif[len(_PREFIX) :]
    order = _ORDERS.get(exif[:4])
    if order is None:
        return None
    with suppress(struct.error):  # cut short, or an offset outside: bad metadata never makes a picture unreadable
        for position in _orientation_entries(exif, order):
            number = _number(exif, order, position)
            if number is not None:
                return number
    return None


def _exif_of(info: Mapping[str | tuple[int, int], object]) -> bytes:
    exif = info.get("exif")
    if isinstance(exif, bytes):
        return exif
    profile = info.get("Raw profile type exif")  # ImageMagick's text in a PNG: a heading and hexadecimal digits
    if isinstance(profile, str):
        with suppress(ValueError):
            return bytes.fromhex("".join(profile.split("\n")[3:]))
    return b""


def _orientation_in_xmp(info: Mapping[str | tuple[int, int], object]) -> int | None:
    xmp = info.get("XML:com.adobe.xmp") or info.get("xmp")
    if isinstance(xmp, str):
        xmp = xmp.encode("utf-8", "replace")
    found = _XMP.search(xmp) if isinstance(xmp, bytes) else None
    return int(found[1]) if found else None


def _orientation_entries(exif: bytes, order: str) -> Iterator[int]:
    """Positions of the entries of the first directory that are orientation tags. Raises `struct.error`."""
    (start,) = struct.unpack_from(order + "I", exif, 4)
    (n_entries,) = struct.unpack_from(order + "H", exif, start)
    tag = struct.pack(order + "H", _TAG)
    end = min(start + 2 + _ENTRY_BYTES * n_entries, len(exif))
    for position in range(start + 2, end, _ENTRY_BYTES):
        if exif[position : position + 2] == tag:
            yield position


def _number(exif: bytes, order: str, position: int) -> int | None:
    """The first value of an entry; None when it is no number or not there. Raises `struct.error`."""
    kind, count = struct.unpack_from(order + "HI", exif, position + 2)
    layout = order + _NUMBERS.get(kind, "")
    n_bytes = struct.calcsize(layout) * count
    at = position + 8
    if n_bytes > _INLINE_BYTES:
        (at,) = struct.unpack_from(order + "I", exif, at)
    if n_bytes == 0 or at + n_bytes > len(exif):
        return None
    value, *divisor = struct.unpack_from(layout, exif, at)
    if divisor:
        value = value / divisor[0] if divisor[0] else 0
    return int(value) if value == value // 1 else 0  # a fraction, and NaN, is no orientation
