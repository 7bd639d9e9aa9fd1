"""Reads pictures from a CSV file with one row per picture: a label, then the pixels, as Kaggle has MNIST."""

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.foreign.packing_zip import BoundedZip

FEWEST_PIXELS, MOST_PIXELS = 16, 3 * 512 * 512
LONGEST_LINE = 4 * MOST_PIXELS + 4096
TITLES = frozenset({"label", "class", "target", "y"})


def is_pixel_table(start: bytes) -> bool:
    """Whether a file that begins with these bytes is a table with a column for each pixel."""
    line = start.partition(b"\n")[0]
    return line.count(b",") >= FEWEST_PIXELS and b"\0" not in start


def write_pixel_table(table: Path, target: BoundedZip) -> None:
    """Write each row as a PNG in the folder of its label.

    Raises:
        ArchiveRejected: a row is not a label and the pixels of a square picture, grey or in three colours.
        OSError: the disk has too little free space.
    """
    column: int | None = None
    width = 0
    for number, row in enumerate(_rows(table), start=1):
        if column is None:
            width = len(row)
            column, is_title = _label_column(row)
            if is_title:
                continue
        if len(row) != width:
            raise ArchiveRejected(
                f"Row {number} of the table is no picture; expected {width:,} columns as in row 1, got {len(row):,}."
            )
        picture = io.BytesIO()
        _picture(row[:column] + row[column + 1 :], number).save(picture, "PNG", compress_level=1)
        n_bytes = picture.tell()
        picture.seek(0)
        target.add(f"{row[column].strip()}/{number}.png", picture, n_bytes)


def _rows(table: Path) -> Iterator[list[str]]:
    csv.field_size_limit(4096)
    with table.open(encoding="utf-8-sig", newline="") as opened:
        try:
            while line := opened.readline(LONGEST_LINE):
                if line.strip():
                    yield next(csv.reader([line]))
        except (UnicodeDecodeError, csv.Error) as error:
            raise ArchiveRejected(f"The table cannot be read: {error}.") from error


def _label_column(first: list[str]) -> tuple[int, bool]:
    """The column of the labels, and whether the row has titles instead of a picture."""
    titles = [name.strip().lower() for name in first]
    for number, title in enumerate(titles):
        if title in TITLES:
            return number, True
    is_title = not titles[-1].isdecimal()
    return 0, is_title


def _picture(pixels: list[str], row: int) -> Image.Image:
    n_pixels = len(pixels)
    for channels in (1, 3):
        side = math.isqrt(n_pixels // channels)
        if side * side * channels == n_pixels and FEWEST_PIXELS <= n_pixels <= MOST_PIXELS:
            values = _values(pixels, row).reshape((side, side) if channels == 1 else (side, side, 3))
            return Image.fromarray(values)
    raise ArchiveRejected(
        f"Row {row} of the table is no picture; expected a label and the pixels of a square, grey or in three colours, "
        f"got {n_pixels:,} values beside the label."
    )


def _values(pixels: list[str], row: int) -> NDArray[np.uint8]:
    try:
        values = np.array(pixels, np.float64)
    except ValueError:
        values = np.array([-1.0])
    if not ((values >= 0) & (values <= 255)).all():
        raise ArchiveRejected(f"Row {row} of the table is no picture; expected pixels from 0 to 255.")
    return values.astype(np.uint8)
