"""The pictures of a job, one after the other: of an archive, or of a split's array."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from worker.datasets.upload.entry_paths import sort_out
from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.foreign.as_zip import as_zip
from worker.datasets.upload.picture_files import may_be_picture
from worker.datasets.upload.report import SkippedLog
from worker.datasets.upload.zip_directory import Entry, read_directory
from worker.datasets.upload.zip_file import read_file
from worker.pictures.cost import picture_cost
from worker.pictures.hard_pixels import png_of
from worker.pictures.pixels import (
    PictureFormatUnsupported,
    PictureLimits,
    PictureRejected,
    PictureTooLarge,
    decode_picture,
)
from worker.predictions.options import Fault, ReaderOrder
from worker.predictions.rows import Failed

Shape = tuple[int, int, int]
CRASHED = Fault(code="picture_invalid", message="the picture ended the process that decodes it, twice")


class Read(NamedTuple):
    """One picture.

    Attributes:
        name: to show.
        pixels: uint8, in the shape that the version takes; None if it cannot be read.
        failed: why not.
    """

    name: str
    pixels: NDArray[np.uint8] | None
    failed: Failed | None


class Pictures(Protocol):
    """Pictures in an order that is the same whenever they are opened."""

    total: int
    left_out: dict[str, int]

    def read(self, start: int) -> Iterator[Read]:
        """The pictures from a position on."""
        ...


def open_pictures(order: ReaderOrder, opened: ExitStack) -> Pictures:
    """The pictures that an order names. Raises `ArchiveRejected`."""
    if order.images is not None:
        return SplitPictures(Path(order.images), order.prefix, order.input_shape)
    return ArchivePictures(order, opened)


class SplitPictures:
    """The pictures of a split, whose names are the split and their positions."""

    def __init__(self, images: Path, prefix: str, shape: Shape) -> None:
        self._images: NDArray[np.uint8] = np.load(images, mmap_mode="r", allow_pickle=False)
        self._prefix = prefix
        self._shape = shape
        self.total, self.left_out = len(self._images), dict[str, int]()

    def read(self, start: int) -> Iterator[Read]:
        """The pictures from a position on; those of another size are fitted like any picture file."""
        for at in range(start, self.total):
            pixels = np.asarray(self._images[at])
            if pixels.shape != self._shape:
                pixels = decode_picture(png_of(pixels), self._shape, PictureLimits(1 << 30))
            yield Read(f"{self._prefix}{at}", pixels, None)


class ArchivePictures:
    """The pictures of an archive, by their paths in ascending order. Other files are left out."""

    def __init__(self, order: ReaderOrder, opened: ExitStack) -> None:
        limits, self._order, self._shape = order.order.limits, order.order, order.input_shape
        self._crashed = order.crashed
        path, _ = as_zip(Path(str(order.archive)), Path(order.folder), limits, None, lambda _: None)
        self._archive = opened.enter_context(path.open("rb"))
        entries = read_directory(self._archive, limits.max_files, limits.max_unpacked_bytes, None)
        skipped = SkippedLog()
        found = sort_out(entries, skipped)
        self._files: list[tuple[str, Entry]] = []
        for parts, entry in found.files:
            name = "/".join(parts)
            if name in self._order.rejected or may_be_picture(self._archive, entry):
                self._files.append((name, entry))
            else:
                skipped.add(entry.name, "not_a_picture")
        self.total = len(self._files)
        self.left_out = {str(reason): n for reason, n in skipped.counts.items()}
        if not self.total:
            raise ArchiveRejected("The archive has no pictures; expected JPEG, PNG, WebP or BMP files.")
        if self.total > self._order.max_pictures:
            most = self._order.max_pictures
            raise ArchiveRejected(f"The archive has too many pictures; expected at most {most:,}, got {self.total:,}.")
        self._limits = PictureLimits(limits.max_picture_bytes, limits.max_picture_pixels, limits.max_picture_side)
        self._left_pixels = limits.max_pixels

    def read(self, start: int) -> Iterator[Read]:
        """The pictures from a position on."""
        for at, (path, entry) in enumerate(self._files[start:], start):
            name = self._order.names.get(path, path)
            known = CRASHED if at in self._crashed else self._order.rejected.get(path)
            found = known or self._pixels_or_fault(entry)
            if isinstance(found, Fault):
                yield Read(name, None, Failed(name=name, error=found))
            else:
                yield Read(name, found, None)

    def _pixels_or_fault(self, entry: Entry) -> NDArray[np.uint8] | Fault:
        try:
            return self._decoded(entry)
        except PictureRejected as error:
            return Fault(code=_code_of(error), message=error.reason)
        except ArchiveRejected as error:
            return Fault(code="archive_damaged", message=error.message)

    def _decoded(self, entry: Entry) -> NDArray[np.uint8]:
        if entry.size_bytes > self._limits.max_bytes:
            raise PictureTooLarge(f"the picture file is too large; expected at most {self._limits.max_bytes:,} bytes")
        data = read_file(self._archive.fileno(), entry)
        self._left_pixels -= picture_cost(data, self._shape).pixels
        if self._left_pixels < 0:
            raise PictureTooLarge("the pictures before it have used up the pixels that one job may decode")
        return decode_picture(data, self._shape, self._limits)


def _code_of(error: PictureRejected) -> str:
    """The code that a prediction has for the same fault."""
    codes = {PictureTooLarge: "picture_too_large", PictureFormatUnsupported: "picture_format_unsupported"}
    return codes.get(type(error), "picture_invalid")
