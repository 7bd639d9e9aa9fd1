"""Draws why an answer: the picture beside the picture with the evidence over it."""

import numpy as np
from numpy.typing import NDArray

from service.inside.drawing.canvas import GREY, MARGIN, SMALL, Canvas, fitted, rgb
from service.inside.drawing.colours import ONE_SIGN, TWO_SIGNS, figure

SIDE = 336
HEADING = 66
FOOT = 64
STRENGTH = 0.62
"""Of the colour over the picture, where the evidence is strongest."""
_FOR = np.array([213, 94, 0], float)  # vermillion
_AGAINST = np.array([0, 114, 178], float)  # blue


def draw_explanation(
    seen: NDArray[np.uint8], evidence: NDArray[np.float64], title: str, note: str, unit: str, *, is_empty: bool
) -> bytes:
    """The picture, and beside it the picture with the evidence over it, as PNG.

    Args:
        seen: uint8, shape (height, width, channels): what the network got.
        evidence: shape (height, width): positive for the class, negative against it.
        title: the answer.
        note: the method, in words.
        unit: what the numbers are.
        is_empty: nothing speaks for the class.
    """
    picture = fitted(rgb(seen), SIDE)
    height, width = picture.shape[:2]
    canvas = Canvas(max(2 * width + 3 * MARGIN, 460), HEADING + height + FOOT)
    most = max(2 * width + 3 * MARGIN, 460) - 2 * MARGIN
    canvas.text(MARGIN, 12, title, size=18, most=most)
    canvas.text(MARGIN, 40, note, size=SMALL, colour=GREY, most=most)
    largest = float(np.abs(evidence).max(initial=0))
    left = 2 * MARGIN + width
    canvas.picture(MARGIN, HEADING, picture)
    canvas.picture(left, HEADING, picture if is_empty else _covered(picture, evidence, largest))
    for at in (MARGIN, left):
        canvas.frame(at, HEADING, width, height)
    top = HEADING + height + 10
    canvas.text(MARGIN, top, "what the network got", size=SMALL, colour=GREY)
    if is_empty:
        canvas.text(left, top, "no evidence for this class", size=SMALL)
        return canvas.png()
    has_both = bool((evidence < 0).any())
    low = figure(-largest) if has_both else "0"
    canvas.scale(left, top, TWO_SIGNS if has_both else _warm(), low, figure(largest), width=min(160, width))
    canvas.text(left, top + 32, unit, size=SMALL, colour=GREY, most=width)
    return canvas.png()


def nearest(grid: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """A grid over the whole picture, without smoothing: each pixel gets the value of the cell that it is in."""
    rows = np.arange(height) * grid.shape[0] // height
    columns = np.arange(width) * grid.shape[1] // width
    spread: NDArray[np.float64] = grid[rows[:, np.newaxis], columns]
    return spread


def _covered(picture: NDArray[np.uint8], evidence: NDArray[np.float64], largest: float) -> NDArray[np.uint8]:
    """The picture with colours over it; it is made paler first, so that the colours are seen on black and on white."""
    strength = nearest(np.abs(evidence) / largest, *picture.shape[:2])[:, :, np.newaxis] * STRENGTH
    is_for = nearest(evidence, *picture.shape[:2])[:, :, np.newaxis] >= 0
    pale = picture.mean(axis=2, keepdims=True) * 0.6 + 60
    mixed = pale * (1 - strength) + np.where(is_for, _FOR, _AGAINST) * strength
    covered: NDArray[np.uint8] = mixed.round().clip(0, 255).astype(np.uint8)
    return covered


def _warm() -> NDArray[np.uint8]:
    """Pale to orange: the positive half of the scale with both signs."""
    return TWO_SIGNS[len(ONE_SIGN) // 2 :]
