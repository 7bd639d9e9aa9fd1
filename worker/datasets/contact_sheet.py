"""Draws a contact sheet: for every class its label, its counts and a row of pictures. Uses Pillow only.

`python -m worker.datasets.contact_sheet <dataset> <datasets directory>` writes the sheet of a built-in dataset to
standard output. It runs as a separate process, so that the pictures of a whole dataset never enter the API process.
"""

import io
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from worker.datasets.loading import load_dataset
from worker.pictures.emoji_words import spelled_out
from worker.pictures.fonts import draw_line, font, text_width

COLUMNS = 10
MOST_ROWS = 100
CELL = 64
"""Approximate height of a row's pictures, in pixels; small pictures are enlarged by a whole factor, so that their
pixels stay square."""
GAP, MARGIN = 4, 12
LABEL_WIDTH = 190
INK, FAINT, PAPER, NOTHING = "#1a1a1a", "#6b6b6b", "#ffffff", "#f0f0f0"


@dataclass(frozen=True)
class Row:
    """One class.

    Attributes:
        label: the class's name for people.
        train: number of training pictures.
        test: number of test pictures.
        images: uint8, shape (at most `COLUMNS`, height, width, channels).
    """

    label: str
    train: int
    test: int
    images: NDArray[np.uint8]


def draw_contact_sheet(heading: str, rows: Iterable[Row], n_rows: int, image_shape: tuple[int, int, int]) -> bytes:
    """A PNG with the first `MOST_ROWS` classes; a note below says how many are left out.

    Args:
        heading: the line above the rows.
        rows: consumed one by one, and only as many as are drawn.
        n_rows: how many rows there are.
        image_shape: height, width and channels of every picture.
    """
    height, width = _cell_size(image_shape)
    n_shown = min(n_rows, MOST_ROWS)
    left, top = MARGIN + LABEL_WIDTH, MARGIN + 30
    sheet_width = max(left + COLUMNS * (width + GAP) + MARGIN, 520)
    n_notes = n_rows > MOST_ROWS
    step = max(height, 36) + GAP
    sheet = Image.new("RGB", (sheet_width, top + n_shown * step + n_notes * 24 + MARGIN), PAPER)
    pen = ImageDraw.Draw(sheet)
    draw_line(pen, MARGIN, MARGIN + 15, _fitted(heading, 16, sheet_width - 2 * MARGIN), 16, INK)
    for number, row in enumerate(islice(rows, n_shown)):
        y = top + number * step
        middle = y + max(height, 36) // 2
        draw_line(pen, MARGIN, middle - 4, _fitted(row.label, 15, LABEL_WIDTH - 12), 15, INK)
        pen.text((MARGIN, middle + 2), f"{row.train:,} + {row.test:,}", FAINT, font(12), anchor="lt")
        for column in range(COLUMNS):
            x = left + column * (width + GAP)
            if column < len(row.images):
                sheet.paste(_cell(row.images[column], (width, height)), (x, y))
            else:
                pen.rectangle((x, y, x + width - 1, y + height - 1), NOTHING)
    if n_notes:
        said = f"and {n_rows - MOST_ROWS:,} more classes"
        pen.text((MARGIN, top + n_shown * step + 4), said, FAINT, font(13))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def heading_of(name: str, image_shape: tuple[int, int, int], n_train: int, n_test: int) -> str:
    """The line above the rows: the dataset's name, numbers of pictures, size and colour."""
    height, width, channels = image_shape
    colour = "grey" if channels == 1 else "colour"
    return f"{name}: {n_train:,} training + {n_test:,} test pictures, {height} x {width} {colour}"


def _cell_size(image_shape: tuple[int, int, int]) -> tuple[int, int]:
    height, width, _ = image_shape
    longest = max(height, width)
    scale = max(1, round(CELL / longest)) if longest <= CELL else CELL / longest
    return max(1, round(height * scale)), max(1, round(width * scale))


def _cell(image: NDArray[np.uint8], size: tuple[int, int]) -> Image.Image:
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    grows = size[0] >= picture.width
    return picture.resize(size, Image.Resampling.NEAREST if grows else Image.Resampling.BOX)


def _fitted(text: str, size: int, width: int) -> str:
    """The text, shortened with an ellipsis if it is too wide."""
    if text_width(text, size) <= width:
        return text
    fitting = spelled_out(text)
    while fitting and text_width(fitting + "…", size) > width:
        fitting = fitting[:-1]
    return fitting + "…"


def main() -> None:
    """Entry point: reads name and datasets directory from the arguments, writes a PNG to standard output."""
    dataset = load_dataset(sys.argv[1], Path(sys.argv[2]))
    info = dataset.info
    counts = zip(info.classes, info.train_per_class, info.test_per_class, strict=True)
    rows = (
        Row(label, train, test, dataset.train_images[np.flatnonzero(dataset.train_labels == index)[:COLUMNS]])
        for index, (label, train, test) in enumerate(counts)
    )
    heading = heading_of(info.name, info.image_shape, info.n_train, info.n_test)
    sys.stdout.buffer.write(draw_contact_sheet(heading, rows, len(info.classes), info.image_shape))


if __name__ == "__main__":
    main()
