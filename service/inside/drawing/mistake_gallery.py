"""Draws chosen mistakes of a version: each picture with the answer, the truth, and another version's answer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.inside.drawing.canvas import GREY, MARGIN, SMALL, TEXT, Canvas, fitted, rgb
from service.models.mistake_rows import MistakeRow

COLUMNS = 5
CELL, GAP, HEADING, LINE = 168, 16, 64, 17


def draw_gallery(rows: Sequence[MistakeRow], pictures: Sequence[NDArray[np.uint8]], subject: str, title: str) -> bytes:
    """Mistakes with their pictures in hard pixels, as PNG.

    Args:
        rows: the mistakes, in the order in which they are drawn.
        pictures: uint8, shape (height, width, 1 or 3), 0-255, one for each.
        subject: the version, for the heading.
        title: what was chosen, below it.
    """
    words = [_words(row) for row in rows]
    caption = LINE * max((len(lines) for lines in words), default=0) + 6
    n_rows = -(-len(rows) // COLUMNS)
    width = 2 * MARGIN + COLUMNS * (CELL + GAP) - GAP
    canvas = Canvas(width, HEADING + n_rows * (CELL + caption + GAP) + MARGIN)
    canvas.text(MARGIN, 12, subject, most=width - 2 * MARGIN)
    canvas.text(MARGIN, 36, title, size=SMALL, colour=GREY, most=width - 2 * MARGIN)
    for at, (lines, pixels) in enumerate(zip(words, pictures, strict=True)):
        left = MARGIN + at % COLUMNS * (CELL + GAP)
        top = HEADING + at // COLUMNS * (CELL + caption + GAP)
        shown = fitted(rgb(pixels), CELL)
        canvas.picture(left, top, shown)
        canvas.frame(left, top, shown.shape[1], shown.shape[0])
        for number, line in enumerate(lines):
            size = TEXT - 1 if number == 0 else SMALL
            canvas.text(left, top + CELL + 2 + number * LINE, line, size=size, most=CELL)
    return canvas.png()


def _words(row: MistakeRow) -> list[str]:
    lines = [f"{row.predicted} {row.probability:.0%}", f"is {row.true}, picture {row.index}"]
    if row.other is not None:
        lines.append(f"other: {row.other.predicted or 'right, or unsure'}")
    return lines
