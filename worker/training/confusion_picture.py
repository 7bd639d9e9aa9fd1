"""The picture of the confusion matrix in `evaluation.json`. Takes numbers, returns PNG bytes; no Keras."""

from dataclasses import dataclass

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.pictures.fonts import text_width
from worker.pictures.sheet import INK, Sheet, shortened
from worker.training.evaluation import Evaluation

MOST_CLASSES_WITH_COUNTS = 25  # with more, the numbers in the cells are not readable
MOST_CLASSES_WITH_NAMES = 120  # with more, rows are narrower than the smallest letters
MOST_NUMBERS = 8  # along an axis whose classes are numbered instead
NO_PICTURES = 0xDD  # grey
TICK = 4

# In pixels of the drawn picture.
CELL, LEAST_MATRIX, MOST_MATRIX = 58, 220, 1050
WIDEST_NAME = 170
LETTERING = 50  # an axis's label and ticks
HEADING = 75
BAR, BAR_SPACE, BAR_GAP, LONGEST_BAR = 15, 110, 15, 400
LARGE, TITLE, LETTERS, SMALL = 18, 15, 14, 11


def draw_confusion_matrix(evaluation: Evaluation, subject: str) -> bytes:
    """The confusion matrix as PNG: one row per true class, cells shaded by their share of the row, with counts.

    The row of a class without test pictures is grey. With many classes the counts are left out, and the shade grows
    with the square root of the share, so that a few mistakes are still visible.

    Args:
        evaluation: evaluation of a network on a test split.
        subject: the network and the dataset, for the heading.
    """
    counts = np.array(evaluation.confusion_matrix)
    layout = _layout(evaluation.classes)
    width, middle = layout.left + layout.side + BAR_SPACE, HEADING + layout.side / 2
    sheet = Sheet(width, HEADING + layout.side + layout.below)
    sheet.write_centred(width / 2, 22, shortened(subject, width - 30, LARGE), LARGE)
    sheet.write_centred(width / 2, 50, f"test accuracy {evaluation.accuracy:.4f} on {counts.sum():,} pictures", TITLE)
    sheet.write_centred(
        layout.left + layout.side / 2, HEADING + layout.side + layout.below - 18, "the network's answer", TITLE
    )
    sheet.write_turned((18, middle), "the truth", TITLE, 90, is_centred=True)
    _draw_cells(sheet, layout, counts)
    _write_names(sheet, layout)
    _draw_bar(sheet, layout)
    return sheet.png()


@dataclass(frozen=True)
class _Layout:
    """Where the matrix is, in pixels.

    Attributes:
        names: of the rows and columns that are named, by their index.
        size: of their letters.
        n_classes: rows and columns.
        left: of the matrix, whose top is at `HEADING`.
        below: height of what is below it.
        side: of the matrix.
    """

    names: dict[int, str]
    size: float
    n_classes: int
    left: int
    below: int
    side: int

    @property
    def has_counts(self) -> bool:
        """Whether the cells show numbers."""
        return self.n_classes <= MOST_CLASSES_WITH_COUNTS

    def middle(self, index: int) -> float:
        """From the matrix's edge to the middle of a row or column."""
        return (index + 0.5) * self.side / self.n_classes


def _layout(classes: tuple[str, ...]) -> _Layout:
    n_classes = len(classes)
    size = min(14.0, max(7.0, 780 / n_classes)) if n_classes <= MOST_CLASSES_WITH_NAMES else SMALL
    names = _names(classes, size)
    widest = round(max(text_width(name, size) for name in names.values()))
    side = min(max(LEAST_MATRIX, CELL * n_classes), MOST_MATRIX)
    below = round(widest * 0.75) + 10 if n_classes <= MOST_CLASSES_WITH_COUNTS else widest
    return _Layout(names, size, n_classes, LETTERING + widest, LETTERING + below, side)


def _names(classes: tuple[str, ...], size: float) -> dict[int, str]:
    """Names of the rows and columns; some of their numbers if there are too many."""
    if len(classes) <= MOST_CLASSES_WITH_NAMES:
        return {index: shortened(name, WIDEST_NAME, size) for index, name in enumerate(classes)}
    steps = (digit * 10**zeros for zeros in range(1, 9) for digit in (1, 2, 5))
    step = next(step for step in steps if step * MOST_NUMBERS >= len(classes))
    return {index: str(index) for index in range(0, len(classes), step)}


def _draw_cells(sheet: Sheet, layout: _Layout, counts: NDArray[np.int64]) -> None:
    support = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(support, 1)
    colours = _shades(shares, layout)
    colours[support[:, 0] == 0] = NO_PICTURES
    pixels = Image.fromarray(colours).resize((layout.side, layout.side), Image.Resampling.NEAREST)
    sheet.put(layout.left, HEADING, np.asarray(pixels))
    sheet.frame(layout.left, HEADING, layout.side, layout.side, 1, INK)
    if not layout.has_counts:
        return
    for row, column in np.argwhere(counts).tolist():
        sheet.write_centred(
            layout.left + layout.middle(column),
            HEADING + layout.middle(row),
            str(counts[row, column]),
            LETTERS if counts[row, column] < 10_000 else SMALL,
            "#FFFFFF" if shares[row, column] > 0.5 else INK,
            is_bold=row == column,
        )


def _shades(shares: NDArray[np.float64], layout: _Layout) -> NDArray[np.uint8]:
    """Shades of blue for shares: uint8, with a last axis of red, green and blue."""
    shown = shares if layout.has_counts else np.sqrt(shares)
    shades: NDArray[np.uint8] = matplotlib.colormaps["Blues"](shown, bytes=True)[..., :3]
    return shades.copy()


def _write_names(sheet: Sheet, layout: _Layout) -> None:
    bottom = HEADING + layout.side
    for index, name in layout.names.items():
        row, column = HEADING + layout.middle(index), layout.left + layout.middle(index)
        sheet.line((layout.left - TICK, row), (layout.left - 1, row))
        sheet.line((column, bottom), (column, bottom + TICK - 1))
        sheet.write(layout.left - 2 * TICK - text_width(name, layout.size), row, name, layout.size)
        sheet.write_turned((column, bottom + 2 * TICK), name, layout.size, 45 if layout.has_counts else 90)


def _draw_bar(sheet: Sheet, layout: _Layout) -> None:
    """What the shades mean."""
    long = min(layout.side, LONGEST_BAR)
    left, top = layout.left + layout.side + BAR_GAP, HEADING + (layout.side - long) // 2
    heights = np.linspace(1, 0, long)
    shares = heights if layout.has_counts else heights**2
    sheet.put(left, top, np.repeat(_shades(shares, layout)[:, np.newaxis], BAR, axis=1))
    sheet.frame(left, top, BAR, long, 1, INK)
    for percent in range(0, 101, 20):
        height = percent / 100 if layout.has_counts else (percent / 100) ** 0.5
        y = top + (1 - height) * (long - 1)
        sheet.line((left + BAR, y), (left + BAR + TICK, y))
        sheet.write(left + BAR + 2 * TICK, y, f"{percent}%", LETTERS)
    sheet.write_turned(
        (layout.left + layout.side + BAR_SPACE - 16, top + long / 2), "share of the row", LETTERS, 90, is_centred=True
    )
