"""Draws a film as one picture: a column per frame with kernels, confusion matrix and the answers to twelve pictures."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from worker.pictures.drawing import GREY, new_figure, picture_bytes, shortened
from worker.reports.film import Film
from worker.training.gallery import fitted

DPI = 100
# In pixels of the drawn picture.
MARGIN, COLUMN, GAP, LABELS, THUMBNAIL, HEADING, CAPTION, ROW = 16, 128, 14, 190, 34, 62, 24, 40
SHOWN_KERNELS = 16
TILES = 4
TILE_GAP = 1
SMALL, NORMAL = 8.5, 10.0


def draw_film(film: Film, images: NDArray[np.uint8], subject: str) -> bytes:
    """The film strip as PNG.

    Every frame has the kernels in one scale, so that their change can be seen, the confusion matrix with each row in
    shares, and for each picture the probability of its class, with the answer where that is another class.

    Args:
        film: the film.
        images: uint8, shape (n, height, width, channels), 0-255, the test split that its pictures are from.
        subject: the network and the dataset, for the heading.
    """
    has_kernels = any(film.kernels)
    n_frames = len(film.epochs)
    width = 2 * MARGIN + LABELS + n_frames * (COLUMN + GAP) - GAP
    squares = 2 if has_kernels else 1
    height = HEADING + squares * (COLUMN + CAPTION) + CAPTION + len(film.pictures) * ROW + MARGIN
    strip = _Strip(new_figure((width + 0.01) / DPI, (height + 0.01) / DPI, dpi=DPI), width, height)
    strip.write(width / 2, 18, shortened(subject, (width - 2 * MARGIN) / DPI, 13), size=13, align="center")
    top = HEADING
    for frame, epoch in enumerate(film.epochs):
        strip.write(_left(frame) + COLUMN / 2, HEADING - 12, _title(epoch), size=NORMAL, align="center")
    if has_kernels:
        _draw_kernels(strip, film, top)
        top += COLUMN + CAPTION
    _draw_matrices(strip, film, top)
    _draw_pictures(strip, film, images, top + COLUMN + CAPTION)
    return picture_bytes(strip.figure)


class _Strip:
    """A figure whose places are pixels from its upper left corner."""

    def __init__(self, figure: Figure, width: int, height: int) -> None:
        self.figure = figure
        self._width, self._height = width, height

    def write(self, x: float, y: float, text: str, *, size: float, align: str = "left", color: str = "black") -> None:
        self.figure.text(x / self._width, 1 - y / self._height, text, ha=align, va="center", fontsize=size, color=color)

    def put(self, pixels: NDArray[np.uint8], left: float, top: float, size: float) -> None:
        """Place a picture in the middle of a square, in hard pixels."""
        shown = fitted(pixels, int(size))
        left += (size - shown.shape[1]) // 2
        top += (size - shown.shape[0]) // 2
        self.put_exactly(shown, left, top)

    def put_exactly(self, pixels: NDArray[np.uint8], left: float, top: float) -> None:
        """Place a picture as it is, each of its pixels on one of the figure's."""
        self.figure.figimage(pixels, int(left), int(self._height - top - pixels.shape[0]), origin="upper")


def _left(frame: int) -> int:
    return MARGIN + LABELS + frame * (COLUMN + GAP)


def _title(epoch: int) -> str:
    return "before training" if epoch == 0 else f"epoch {epoch}"


def _draw_kernels(strip: _Strip, film: Film, top: int) -> None:
    kernels = np.asarray([frame[:SHOWN_KERNELS] for frame in film.kernels], np.float32)
    reach = float(np.abs(kernels).max()) or 1.0
    n_all = len(film.kernels[0])
    strip.write(MARGIN, top + 14, "first kernels", size=NORMAL)
    shown = f"{kernels.shape[1]} of {n_all}" if n_all > kernels.shape[1] else f"{n_all}"
    strip.write(MARGIN, top + 32, f"{shown}, {kernels.shape[2]}x{kernels.shape[3]} each", size=SMALL, color=GREY)
    scale = "colours" if kernels.shape[-1] == 3 else "grey"
    strip.write(MARGIN, top + 48, f"{scale}: -{reach:.2g} to {reach:.2g}", size=SMALL, color=GREY)
    for frame, values in enumerate(kernels):
        strip.put(_tiles(values, reach), _left(frame), top, COLUMN)


def _tiles(kernels: NDArray[np.float32], reach: float) -> NDArray[np.uint8]:
    """Up to 16 kernels as one picture, four in a row, with white lines between them."""
    n, height, width, channels = kernels.shape
    levels = np.clip((kernels / reach + 1) * 127.5, 0, 255).astype(np.uint8)
    if channels not in (1, 3):
        levels = levels.mean(axis=3, keepdims=True).astype(np.uint8)
    rows = -(-n // TILES)
    sheet = np.full(
        (rows * (height + TILE_GAP) - TILE_GAP, TILES * (width + TILE_GAP) - TILE_GAP, levels.shape[3]), 255, np.uint8
    )
    for index, tile in enumerate(levels):
        y, x = index // TILES * (height + TILE_GAP), index % TILES * (width + TILE_GAP)
        sheet[y : y + height, x : x + width] = tile
    return sheet


def _draw_matrices(strip: _Strip, film: Film, top: int) -> None:
    n_judged = int(np.sum(film.confusion[-1]))
    strip.write(MARGIN, top + 14, "confusion matrix", size=NORMAL)
    strip.write(MARGIN, top + 32, f"of {n_judged:,} validation pictures", size=SMALL, color=GREY)
    strip.write(MARGIN, top + 48, "rows true, columns predicted", size=SMALL, color=GREY)
    strip.write(MARGIN, top + 64, "white 0 %, dark 100 % of a row", size=SMALL, color=GREY)
    for frame, counts in enumerate(film.confusion):
        matrix = np.asarray(counts, np.float64)
        shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        strip.put(_shades(shares), _left(frame), top, COLUMN)
        right = f"{np.trace(matrix) / max(matrix.sum(), 1):.0%} right"
        strip.write(_left(frame) + COLUMN / 2, top + COLUMN + 10, right, size=SMALL, align="center", color=GREY)


def _shades(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """White for 0, dark blue for 1, framed in grey, in hard pixels: uint8, shape (side, side, 3)."""
    light, dark = np.array([255.0, 255.0, 255.0]), np.array([0.0, 62.0, 110.0])
    colours = light + np.sqrt(shares)[..., np.newaxis] * (dark - light)
    return np.pad(fitted(colours.astype(np.uint8), COLUMN - 2), ((1, 1), (1, 1), (0, 0)), constant_values=160)


def _draw_pictures(strip: _Strip, film: Film, images: NDArray[np.uint8], top: int) -> None:
    strip.write(MARGIN, top + 10, "probability of the right class", size=NORMAL)
    strip.write(_left(0) + 14, top + 10, "✗ and the answer, where it is another class", size=SMALL, color=GREY)
    top += CAPTION
    for row, picture in enumerate(film.pictures):
        y = top + row * ROW
        strip.put(images[picture.index], MARGIN, y + (ROW - THUMBNAIL) / 2, THUMBNAIL)
        name = shortened(picture.label, (LABELS - THUMBNAIL - 20) / DPI, NORMAL)
        strip.write(MARGIN + THUMBNAIL + 8, y + ROW / 2, name, size=NORMAL)
        true = film.classes.index(picture.label)
        for frame, probabilities in enumerate(picture.probabilities):
            _draw_answer(strip, film, probabilities, true, (_left(frame), y))


def _draw_answer(
    strip: _Strip, film: Film, probabilities: tuple[float, ...], true: int, place: tuple[float, float]
) -> None:
    left, y = place
    answer = int(np.argmax(probabilities))
    is_right = answer == true
    bar = np.full((12, COLUMN, 3), 232, np.uint8)
    bar[:, : round(COLUMN * probabilities[true])] = (0, 114, 178) if is_right else (213, 94, 0)
    strip.put_exactly(bar, left, y + 5)
    said = f"{probabilities[true]:.0%}" if is_right else f"{probabilities[true]:.0%} · {film.classes[answer]}"
    text = shortened(said, (COLUMN - 12) / DPI, SMALL)
    strip.write(left, y + 27, ("✓ " if is_right else "✗ ") + text, size=SMALL)
