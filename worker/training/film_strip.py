"""Draws a film as one picture: a column per frame with kernels, confusion matrix and the answers to twelve pictures."""

import numpy as np
from numpy.typing import NDArray

from worker.pictures.colours import GREY
from worker.pictures.sheet import Sheet, shortened
from worker.reports.film import Film
from worker.training.gallery import fitted

# In pixels of the drawn picture.
MARGIN, COLUMN, GAP, LABELS, THUMBNAIL, HEADING, CAPTION, ROW = 16, 128, 14, 190, 34, 62, 24, 40
SHOWN_KERNELS = 16
TILES = 4
TILE_GAP = 1
SMALL, NORMAL, LARGE = 12, 14, 18


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
    sheet = Sheet(width, height)
    sheet.write_centred(width / 2, 18, shortened(subject, width - 2 * MARGIN, LARGE), LARGE)
    top = HEADING
    for frame, epoch in enumerate(film.epochs):
        sheet.write_centred(_left(frame) + COLUMN / 2, HEADING - 12, _title(epoch), NORMAL)
    if has_kernels:
        _draw_kernels(sheet, film, top)
        top += COLUMN + CAPTION
    _draw_matrices(sheet, film, top)
    _draw_pictures(sheet, film, images, top + COLUMN + CAPTION)
    return sheet.png()


def _put(sheet: Sheet, pixels: NDArray[np.uint8], left: int, top: int, size: int) -> None:
    """Place a picture in the middle of a square, in hard pixels."""
    shown = fitted(pixels, size)
    sheet.put(left + (size - shown.shape[1]) // 2, top + (size - shown.shape[0]) // 2, shown)


def _left(frame: int) -> int:
    return MARGIN + LABELS + frame * (COLUMN + GAP)


def _title(epoch: int) -> str:
    return "before training" if epoch == 0 else f"epoch {epoch}"


def _draw_kernels(sheet: Sheet, film: Film, top: int) -> None:
    kernels = np.asarray([frame[:SHOWN_KERNELS] for frame in film.kernels], np.float32)
    reach = float(np.abs(kernels).max()) or 1.0
    n_all = len(film.kernels[0])
    sheet.write(MARGIN, top + 14, "first kernels", NORMAL)
    shown = f"{kernels.shape[1]} of {n_all}" if n_all > kernels.shape[1] else f"{n_all}"
    sheet.write(MARGIN, top + 32, f"{shown}, {kernels.shape[2]}x{kernels.shape[3]} each", SMALL, GREY)
    scale = "colours" if kernels.shape[-1] == 3 else "grey"
    sheet.write(MARGIN, top + 48, f"{scale}: -{reach:.2g} to {reach:.2g}", SMALL, GREY)
    for frame, values in enumerate(kernels):
        _put(sheet, _tiles(values, reach), _left(frame), top, COLUMN)


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


def _draw_matrices(sheet: Sheet, film: Film, top: int) -> None:
    n_judged = int(np.sum(film.confusion[-1]))
    sheet.write(MARGIN, top + 14, "confusion matrix", NORMAL)
    sheet.write(MARGIN, top + 32, f"of {n_judged:,} validation pictures", SMALL, GREY)
    sheet.write(MARGIN, top + 48, "rows true, columns predicted", SMALL, GREY)
    sheet.write(MARGIN, top + 64, "white 0 %, dark 100 % of a row", SMALL, GREY)
    for frame, counts in enumerate(film.confusion):
        matrix = np.asarray(counts, np.float64)
        shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        _put(sheet, _shades(shares), _left(frame), top, COLUMN)
        right = f"{np.trace(matrix) / max(matrix.sum(), 1):.0%} right"
        sheet.write_centred(_left(frame) + COLUMN / 2, top + COLUMN + 10, right, SMALL, GREY)


def _shades(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """White for 0, dark blue for 1, framed in grey, in hard pixels: uint8, shape (side, side, 3)."""
    light, dark = np.array([255.0, 255.0, 255.0]), np.array([0.0, 62.0, 110.0])
    colours = light + np.sqrt(shares)[..., np.newaxis] * (dark - light)
    return np.pad(fitted(colours.astype(np.uint8), COLUMN - 2), ((1, 1), (1, 1), (0, 0)), constant_values=160)


def _draw_pictures(sheet: Sheet, film: Film, images: NDArray[np.uint8], top: int) -> None:
    sheet.write(MARGIN, top + 10, "probability of the right class", NORMAL)
    sheet.write(_left(0) + 14, top + 10, "✗ and the answer, where it is another class", SMALL, GREY)
    top += CAPTION
    for row, picture in enumerate(film.pictures):
        y = top + row * ROW
        _put(sheet, images[picture.index], MARGIN, y + (ROW - THUMBNAIL) // 2, THUMBNAIL)
        name = shortened(picture.label, LABELS - THUMBNAIL - 20, NORMAL)
        sheet.write(MARGIN + THUMBNAIL + 8, y + ROW / 2, name, NORMAL)
        true = film.classes.index(picture.label)
        for frame, probabilities in enumerate(picture.probabilities):
            _draw_answer(sheet, film, probabilities, true, (_left(frame), y))


def _draw_answer(sheet: Sheet, film: Film, probabilities: tuple[float, ...], true: int, place: tuple[int, int]) -> None:
    left, y = place
    answer = int(np.argmax(probabilities))
    is_right = answer == true
    bar = np.full((12, COLUMN, 3), 232, np.uint8)
    bar[:, : round(COLUMN * probabilities[true])] = (0, 114, 178) if is_right else (213, 94, 0)
    sheet.put(left, y + 5, bar)
    said = f"{probabilities[true]:.0%}" if is_right else f"{probabilities[true]:.0%} · {film.classes[answer]}"
    text = shortened(said, COLUMN - 12, SMALL)
    sheet.write(left, y + 27, ("✓ " if is_right else "✗ ") + text, SMALL)
