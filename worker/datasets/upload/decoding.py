"""Decodes an archive's pictures into one file of equal records, with the same function that predictions use.

One picture is in memory at a time. Damaged pictures are skipped and reported; a damaged archive ends the conversion.
"""

import hashlib
import io
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from worker.datasets.upload.folders import Content, Member
from worker.datasets.upload.options import UploadLimits, UploadOptions
from worker.datasets.upload.report import SkippedLog
from worker.datasets.upload.zip_file import read_file
from worker.pictures.headers import orientation, picture_format
from worker.pictures.pixels import (
    FAILURES,
    PictureFormatUnsupported,
    PictureLimits,
    PictureRejected,
    PictureTooLarge,
    decode_picture,
)

DEFAULT_SIDE = 64
MAX_COMMON_SIDE = 224
"""Pictures that all have the same size keep it up to this one, VGG's input; larger pictures are photographs."""
DIGEST_BYTES = 16

OnPicture = Callable[[int], None]


@dataclass
class Decoded:
    """What is known about the records, one item per picture, in the order of the file.

    Attributes:
        path: file of records; each is uint8, `shape`, C order.
        shape: height, width and channels of a record.
        is_grey: no picture so far has any colour.
        labels: index of each picture's class.
        is_test: whether the archive puts it into the test split; None when the archive has no splits.
        digests: of each picture's pixels.
        names: in the archive, for the report.
    """

    path: Path
    shape: tuple[int, int, int]
    is_grey: bool = True
    labels: "array[int]" = field(default_factory=lambda: array("H"))
    is_test: list[bool | None] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.labels)


def choose_shape(
    archive: BinaryIO, content: Content, options: UploadOptions, limits: UploadLimits, on_picture: OnPicture
) -> tuple[int, int, int]:
    """Height, width and channels of the records; three channels for `auto`, until all pictures have been decoded."""
    size = options.image_size or _common_size(archive, content, limits, on_picture) or (DEFAULT_SIDE, DEFAULT_SIDE)
    return (*size, 1 if options.colour == "greyscale" else 3)


def decode_all(
    archive: BinaryIO,
    content: Content,
    decoded: Decoded,
    limits: UploadLimits,
    skipped: SkippedLog,
    on_picture: OnPicture,
) -> None:
    """Write every picture's record, and note what is known about it.

    Raises:
        ArchiveRejected: the archive is damaged.
        OSError: the disk is full.
    """
    with decoded.path.open("wb") as records:
        for number, member in enumerate(content.members):
            data = _file_of(member, archive, limits, skipped)
            if data is not None:
                _add(data, member, decoded, limits, skipped, records)
            on_picture(number + 1)


def _file_of(member: Member, archive: BinaryIO, limits: UploadLimits, skipped: SkippedLog) -> bytes | None:
    if member.entry.size_bytes > limits.max_picture_bytes:
        skipped.add(member.entry.name, "too_large", f"expected at most {limits.max_picture_bytes:,} bytes")
        return None
    return read_file(archive.fileno(), member.entry)


def _add(
    data: bytes, member: Member, decoded: Decoded, limits: UploadLimits, skipped: SkippedLog, records: BinaryIO
) -> None:
    try:
        pixels = decode_picture(data, decoded.shape, _picture_limits(limits))
    except PictureTooLarge as error:
        return skipped.add(member.entry.name, "too_large", error.reason)
    except PictureFormatUnsupported as error:
        return skipped.add(member.entry.name, "not_a_picture", error.reason)
    except PictureRejected as error:
        return skipped.add(member.entry.name, "damaged_picture", error.reason)
    records.write(pixels.data)
    decoded.labels.append(member.label)
    decoded.is_test.append(member.is_test)
    decoded.digests.append(hashlib.blake2b(pixels.data, digest_size=DIGEST_BYTES).digest())
    decoded.names.append(member.entry.name)
    decoded.is_grey = decoded.is_grey and bool(np.all(pixels == pixels[..., :1]))
    return None


def _common_size(
    archive: BinaryIO, content: Content, limits: UploadLimits, on_picture: OnPicture
) -> tuple[int, int] | None:
    """Height and width that all readable pictures share, or None; the second picture decides it in most archives."""
    common: tuple[int, int] | None = None
    for number, member in enumerate(content.members):
        on_picture(number)
        size = _upright_size(archive, member, limits)
        if size is None:
            continue
        if max(size) > MAX_COMMON_SIDE or min(size) < 4 or common not in (None, size):
            return None
        common = size
    return common


def _upright_size(archive: BinaryIO, member: Member, limits: UploadLimits) -> tuple[int, int] | None:
    """Height and width from the header alone, after turning upright; None for a file that is not a picture."""
    if member.entry.size_bytes > limits.max_picture_bytes:
        return None
    data = read_file(archive.fileno(), member.entry)
    kind = picture_format(data)
    if kind is None:
        return None
    try:
        with Image.open(io.BytesIO(data), formats=(kind,)) as picture:
            width, height = picture.size
            turned = orientation(picture.info.get("exif", b"")) >= 5
    except (Image.DecompressionBombError, *FAILURES):
        return None
    return (width, height) if turned else (height, width)


def _picture_limits(limits: UploadLimits) -> PictureLimits:
    return PictureLimits(limits.max_picture_bytes, limits.max_picture_pixels, limits.max_picture_side)
