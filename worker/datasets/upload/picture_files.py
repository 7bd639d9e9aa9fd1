"""Tells which files of an archive may be pictures; the others do not decide its layout."""

from pathlib import PurePosixPath
from typing import BinaryIO

from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.zip_directory import Entry
from worker.datasets.upload.zip_file import read_start
from worker.pictures.headers import foreign_format, picture_format

PICTURE_SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".apng",
        ".webp",
        ".bmp",
        ".dib",
        ".gif",
        ".tif",
        ".tiff",
        ".heic",
        ".heif",
        ".avif",
        ".jp2",
        ".j2k",
        ".jxl",
        ".dng",
        ".cr2",
        ".nef",
        ".arw",
        ".orf",
        ".rw2",
        ".ppm",
        ".pgm",
        ".pbm",
    ]
)
"""Also of kinds that are not decoded: a class folder full of them is named in the report."""
FOREIGN_PICTURES = frozenset({"GIF", "TIFF", "AVIF or HEIC", "JPEG 2000"})
_SIGNATURE_BYTES = 64


def may_be_picture(archive: BinaryIO, entry: Entry) -> bool:
    """Whether a file may be a picture, by its suffix, or by its first bytes when its suffix says nothing."""
    if PurePosixPath(entry.name).suffix.casefold() in PICTURE_SUFFIXES:
        return True
    try:
        start = read_start(archive.fileno(), entry, _SIGNATURE_BYTES)
    except ArchiveRejected:
        return False
    return picture_format(start) is not None or foreign_format(start) in FOREIGN_PICTURES
