"""Reads the headers of all pictures before any is decoded: how large they are, and how many pixels they declare."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from worker.datasets.upload.folders import Member
from worker.datasets.upload.options import UploadLimits
from worker.datasets.upload.zip_directory import Entry
from worker.datasets.upload.zip_file import read_file, read_start
from worker.pictures.headers import picture_format
from worker.pictures.orientation import orientation_of
from worker.pictures.pixels import FAILURES

MAX_COMMON_SIDE = 224
"""Pictures that all have the same size keep it up to this one, VGG's input; larger pictures are photographs."""
MIN_COMMON_SIDE = 4
HEADER_BYTES = 32 * 1024
"""Enough for the header of nearly every picture. A file is read whole when it is not, so that gigabytes of photographs
are not unpacked twice."""

OnPicture = Callable[[int], None]
Size = tuple[int, int]


@dataclass(frozen=True)
class Survey:
    """What the headers say.

    Attributes:
        common_size: height and width that all readable pictures share, if they are small enough to be kept.
        declared_pixels: of all pictures together, without those that are too large to be decoded.
    """

    common_size: Size | None
    declared_pixels: int


def survey(archive: BinaryIO, members: Sequence[Member], limits: UploadLimits, on_picture: OnPicture) -> Survey:
    """Read the header of every picture.

    Args:
        archive: open for reading.
        members: files in class folders.
        limits: on single pictures; larger ones are skipped later, and cost nothing.
        on_picture: called with the number of files read so far.

    Raises:
        ArchiveRejected: the archive is damaged.
    """
    sizes: set[Size] = set()
    declared_pixels = 0
    for number, member in enumerate(members):
        on_picture(number)
        size = _upright_size(archive.fileno(), member.entry, limits)
        if size is not None:
            if len(sizes) < 2:
                sizes.add(size)
            if max(size) <= limits.max_picture_side and size[0] * size[1] <= limits.max_picture_pixels:
                declared_pixels += size[0] * size[1]
    return Survey(_common(sizes), declared_pixels)


def _common(sizes: set[Size]) -> Size | None:
    if len(sizes) != 1:
        return None
    (size,) = sizes
    return size if max(size) <= MAX_COMMON_SIDE and min(size) >= MIN_COMMON_SIDE else None


def _upright_size(descriptor: int, entry: Entry, limits: UploadLimits) -> Size | None:
    """Height and width from the header alone, after turning upright; None for a file that is not a picture."""
    if entry.size_bytes > limits.max_picture_bytes:
        return None
    size = _size_of(read_start(descriptor, entry, HEADER_BYTES))
    if size is None and entry.size_bytes > HEADER_BYTES:
        size = _size_of(read_file(descriptor, entry))
    return size


def _size_of(data: bytes) -> Size | None:
    kind = picture_format(data)
    if kind is None:
        return None
    try:
        with Image.open(io.BytesIO(data), formats=(kind,)) as picture:
            width, height = picture.size
            turned = orientation_of(picture.info) >= 5
    except (Image.DecompressionBombError, *FAILURES):
        return None
    return (width, height) if turned else (height, width)
