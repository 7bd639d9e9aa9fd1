"""Reads the headers of all pictures before any is decoded: how large they are, and how many pixels they declare."""

import io
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from worker.datasets.upload.folders import Member
from worker.datasets.upload.options import UploadLimits
from worker.datasets.upload.zip_directory import Entry
from worker.datasets.upload.zip_file import read_file, read_start
from worker.pictures.headers import picture_format, picture_size
from worker.pictures.orientation import orientation_of
from worker.pictures.pixels import FAILURES

MAX_COMMON_SIDE = 224
"""Pictures that all have the same size keep it up to this one, VGG's input; larger pictures are photographs."""
MIN_COMMON_SIDE = 4
MAX_SIDE_COUNTED = 65_535
HEADER_BYTES = 32 * 1024
"""Enough for the header of nearly every picture. A file is read whole when it is not, so that gigabytes of photographs
are not unpacked twice."""

FIRST_SIDEWAYS = 5
"""Orientations from this one on exchange height and width."""

OnPicture = Callable[[int], None]
Size = tuple[int, int]


@dataclass(frozen=True)
class Survey:
    """What the headers say.

    Attributes:
        common_size: height and width that all readable pictures share, if they are small enough to be kept.
        declared_pixels: of all pictures together, without those that are too large to be decoded.
        usual_side: median of the pictures' shorter sides; 0 without any picture.
    """

    common_size: Size | None
    declared_pixels: int
    usual_side: int = 0


def survey(archive: BinaryIO, members: Sequence[Member], limits: UploadLimits, on_picture: OnPicture) -> Survey:
    """Read the header of every picture.

    Args:
        archive: open for reading.
        members: files that belong to a class.
        limits: on single pictures; larger ones are skipped later, and cost nothing.
        on_picture: called with the number of files read so far.

    Raises:
        ArchiveRejected: the archive is damaged.
    """
    sizes: set[Size] = set()
    shorter_sides = array("H")
    declared_pixels = 0
    for number, member in enumerate(members):
        on_picture(number)
        data = _header(archive.fileno(), member.entry, limits)
        width, height = picture_size(data)
        if not 0 < width * height <= limits.max_picture_pixels or max(width, height) > limits.max_picture_side:
            continue
        declared_pixels += width * height
        shorter_sides.append(min(width, height, MAX_SIDE_COUNTED))
        if len(sizes) < 2:  # most archives settle it with their second picture
            sizes |= _upright_sizes(archive.fileno(), member.entry, data)
    usual_side = sorted(shorter_sides)[len(shorter_sides) // 2] if shorter_sides else 0
    return Survey(_common(sizes), declared_pixels, usual_side)


def _common(sizes: set[Size]) -> Size | None:
    if len(sizes) != 1:
        return None
    (size,) = sizes
    return size if max(size) <= MAX_COMMON_SIDE and min(size) >= MIN_COMMON_SIDE else None


def _header(descriptor: int, entry: Entry, limits: UploadLimits) -> bytes:
    """The start of a picture's file, or all of it when its size is not in the start."""
    if entry.size_bytes > limits.max_picture_bytes:
        return b""
    start = read_start(descriptor, entry, HEADER_BYTES)
    if len(start) < entry.size_bytes and picture_format(start) and 0 in picture_size(start):
        return read_file(descriptor, entry)
    return start


def _upright_sizes(descriptor: int, entry: Entry, start: bytes) -> set[Size]:
    """Height and width after turning the picture as its camera says; none for a picture that cannot be opened."""
    size = _upright_size(start)
    if size is None and len(start) < entry.size_bytes:
        size = _upright_size(read_file(descriptor, entry))  # Pillow opens a WebP only when it is complete
    return set() if size is None else {size}


def _upright_size(data: bytes) -> Size | None:
    kind = picture_format(data)
    if kind is None:
        return None
    try:
        with Image.open(io.BytesIO(data), formats=(kind,)) as picture:
            width, height = picture.size
            turned = orientation_of(picture.info) >= FIRST_SIDEWAYS
    except (Image.DecompressionBombError, *FAILURES):
        return None
    return (width, height) if turned else (height, width)
