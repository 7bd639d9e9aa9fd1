"""Decodes an archive's pictures into one file of equal records, with the same function that predictions use.

One picture is in memory at a time. Damaged pictures are skipped and reported; a damaged archive ends the conversion.
"""

import hashlib
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from worker.datasets.upload.findings import Findings
from worker.datasets.upload.folders import Member
from worker.datasets.upload.options import UploadLimits, UploadOptions
from worker.datasets.upload.report import SkippedLog, Split
from worker.datasets.upload.surveying import OnPicture, Survey
from worker.datasets.upload.zip_file import read_file
from worker.pictures.pixels import (
    PictureFormatUnsupported,
    PictureLimits,
    PictureRejected,
    PictureTooLarge,
    decode_picture,
)

SIDES = (224, 160, 96, 64)
"""Of pictures whose sizes differ: the largest that most of them have. The last one is for all smaller pictures.
Pretrained networks want 160 or 224; at 96, features of photographs are worth ten percentage points less."""
DIGEST_BYTES = 16


@dataclass
class Decoded:
    """What is known about the records, one item per picture, in the order of the file.

    Attributes:
        path: file of records; each is uint8, `shape`, C order.
        shape: height, width and channels of a record.
        is_grey: no picture so far has any colour.
        labels: index of each picture's class.
        splits: to which the archive assigns each picture; None when the archive has no splits.
        digests: of each picture's pixels.
        names: in the archive, for the report.
    """

    path: Path
    shape: tuple[int, int, int]
    is_grey: bool = True
    labels: "array[int]" = field(default_factory=lambda: array("H"))
    splits: list[Split | None] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.labels)

    def add(self, pixels: NDArray[np.uint8], member: Member) -> None:
        """Note what is known about the next record."""
        self.labels.append(member.label)
        self.splits.append(member.split)
        self.digests.append(hashlib.blake2b(pixels.data, digest_size=DIGEST_BYTES).digest())
        self.names.append(member.entry.name)
        self.is_grey = self.is_grey and bool(np.all(pixels == pixels[..., :1]))


def record_shape(options: UploadOptions, found: Survey, n_pictures: int, max_bytes: int) -> tuple[int, int, int]:
    """Height, width and channels of the records; three channels for `auto`, until all pictures have been decoded.

    Args:
        options: of the upload.
        found: what the pictures' headers say.
        n_pictures: in the archive.
        max_bytes: of all records together; a size that nobody asked for is small enough for it.
    """
    n_channels = 1 if options.colour == "greyscale" else 3
    side = _side(found.usual_side, n_channels * n_pictures, max_bytes)
    return (*(options.image_size or found.common_size or (side, side)), n_channels)


def _side(usual_side: int, bytes_per_pixel: int, max_bytes: int) -> int:
    fitting = (side for side in SIDES if side <= usual_side and side * side * bytes_per_pixel <= max_bytes)
    return next(fitting, SIDES[-1])


def decode_all(
    archive: BinaryIO, findings: Findings, decoded: Decoded, limits: UploadLimits, on_picture: OnPicture
) -> None:
    """Write every picture's record, and note what is known about it.

    Raises:
        ArchiveRejected: the archive is damaged.
        OSError: the disk is full.
    """
    with decoded.path.open("wb") as records:
        for number, member in enumerate(findings.content.members):
            pixels = _pixels_of(member, archive, decoded.shape, limits, findings.skipped)
            if pixels is not None:
                records.write(pixels.data)
                decoded.add(pixels, member)
            findings.count(member, is_usable=pixels is not None)
            on_picture(number + 1)


def _pixels_of(
    member: Member, archive: BinaryIO, shape: tuple[int, int, int], limits: UploadLimits, skipped: SkippedLog
) -> NDArray[np.uint8] | None:
    """The picture's record, or None after noting why it has none."""
    name = member.entry.name
    if member.entry.size_bytes > limits.max_picture_bytes:
        skipped.add(name, "too_large", f"expected at most {limits.max_picture_bytes:,} bytes")
        return None
    try:
        return decode_picture(read_file(archive.fileno(), member.entry), shape, _picture_limits(limits))
    except PictureTooLarge as error:
        skipped.add(name, "too_large", error.reason)
    except PictureFormatUnsupported as error:
        skipped.add(name, "not_a_picture", error.reason)
    except PictureRejected as error:
        skipped.add(name, "damaged_picture", error.reason)
    return None


def _picture_limits(limits: UploadLimits) -> PictureLimits:
    return PictureLimits(limits.max_picture_bytes, limits.max_picture_pixels, limits.max_picture_side)
