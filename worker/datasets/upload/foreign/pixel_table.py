"""Reads pictures from a CSV file with one row per picture: a label, then the pixels, as Kaggle has MNIST.

The pixels may also be in one column, with spaces between them, as FER2013 has them.
"""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.datasets.upload.errors import ArchiveRejected
from worker.datasets.upload.foreign.compression import FAILURES
from worker.datasets.upload.foreign.labelled_pictures import LabelledPictures
from worker.datasets.upload.report import Split
from worker.datasets.upload.split_names import split_mentioned
from worker.datasets.upload.tables.table_columns import SPLIT_TITLES
from worker.datasets.upload.tables.table_rows import DELIMITERS

FEWEST_PIXELS, MOST_PIXELS = 16, 3 * 512 * 512
LONGEST_LINE = 4 * MOST_PIXELS + 4096
TITLES = frozenset({"label", "labels", "class", "target", "y", "emotion", "digit", "letter"})
PIXELS_TITLES = frozenset({"pixels", "pixel_values"})
"""Of a column with all pixels."""


@dataclass(frozen=True)
class _Columns:
    """What the columns of a table are: the label, the split, and all pixels where they are in one column."""

    width: int
    label: int
    split: int | None
    pixels: int | None


def is_pixel_table(start: bytes) -> bool:
    """Whether a file that begins with these bytes is a table with the pixels of pictures and their labels."""
    if b"\0" in start:
        return False
    first, _, rest = start.partition(b"\n")
    try:
        titles = [title.strip(' "').lower() for title in _cells(first.decode("utf-8-sig"))]
    except UnicodeDecodeError:
        return False
    if PIXELS_TITLES & set(titles):
        return rest.partition(b"\n")[0].count(b" ") >= FEWEST_PIXELS - 1
    return len(titles) > FEWEST_PIXELS


def has_labels(start: bytes) -> bool:
    """Whether such a table has labels, as the test pictures of competitions do not."""
    titles = [title.strip(' "').lower() for title in _cells(start.partition(b"\n")[0].decode("utf-8-sig", "replace"))]
    return bool(TITLES & set(titles)) or (not PIXELS_TITLES & set(titles) and not _is_square(len(titles)))


def write_pixel_table(table: BinaryIO, source: str, split: Split | None, target: LabelledPictures) -> None:
    """Write each row as a PNG.

    Args:
        table: open for reading.
        source: to name pictures by, such as `train`.
        split: of all rows, unless a column says it.
        target: receives the pictures.

    Raises:
        ArchiveRejected: a row is not a label and the pixels of a square picture, grey or in three colours.
        OSError: the disk has too little free space.
    """
    columns: _Columns | None = None
    for number, row in enumerate(_rows(table), start=1):
        if columns is None:
            columns, is_title = _columns(row)
            if is_title:
                continue
        if len(row) != columns.width:
            raise ArchiveRejected(
                f"Row {number} of the table is no picture; expected {columns.width:,} columns as in row 1, "
                f"got {len(row):,}."
            )
        picture = io.BytesIO()
        _picture(_pixels(row, columns), number).save(picture, "PNG", compress_level=1)
        said = None if columns.split is None else split_mentioned(row[columns.split])
        target.add(f"{source}-{number}.png", picture.getvalue(), row[columns.label].strip(), said or split)


def _rows(table: BinaryIO) -> Iterator[list[str]]:
    csv.field_size_limit(LONGEST_LINE)
    text = io.TextIOWrapper(table, encoding="utf-8-sig", newline="")
    delimiter = ""
    try:
        while line := text.readline(LONGEST_LINE):
            if line.strip():
                delimiter = delimiter or max(DELIMITERS, key=line.count)
                yield next(csv.reader([line], delimiter=delimiter))
    except (UnicodeDecodeError, csv.Error, *FAILURES) as error:
        raise ArchiveRejected(f"The table cannot be read: {error}.") from error
    finally:
        text.detach()


def _cells(line: str) -> list[str]:
    return line.split(max(DELIMITERS, key=line.count))


def _columns(first: Sequence[str]) -> tuple[_Columns, bool]:
    """What the columns are, and whether the row has titles instead of a picture."""
    titles = [name.strip().lower() for name in first]
    pixels = next((number for number, title in enumerate(titles) if title in PIXELS_TITLES), None)
    split = next((number for number, title in enumerate(titles) if title in SPLIT_TITLES), None)
    label = next((number for number, title in enumerate(titles) if title in TITLES), None)
    is_title = label is not None or pixels is not None or not titles[-1].isdecimal()
    if label is None:
        label = next(number for number in range(len(titles)) if number not in {pixels, split})
    return _Columns(len(first), label, split, pixels), is_title


def _pixels(row: Sequence[str], columns: _Columns) -> list[str]:
    if columns.pixels is not None:
        return row[columns.pixels].split()
    return [value for number, value in enumerate(row) if number not in {columns.label, columns.split}]


def _is_square(n_pixels: int) -> bool:
    return any(math.isqrt(n_pixels // channels) ** 2 * channels == n_pixels for channels in (1, 3))


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
