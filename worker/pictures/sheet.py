"""A white sheet to draw on with Pillow: text in any script, pictures pixel by pixel, and the PNG file at the end.

For drawings that are laid out in pixels. Matplotlib takes eight times as long for them: 0.36 s of processor time for a
gallery of 25 pictures, instead of 0.05 s.
"""

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from worker.pictures.emoji_words import spelled_out
from worker.pictures.fonts import draw_line, text_width
from worker.pictures.hard_pixels import FAST_COMPRESSION
from worker.pictures.shortening import cut_to_fit

INK, PAPER = "#000000", "#FFFFFF"
_BELOW_MIDDLE = 0.275
"""From a line's middle, halfway between the foot of a p and the top of an l, to its baseline; in sizes of letters."""

_LINE = 1.5
"""Height of a line, in sizes of letters: also accents and the tails of Chinese letters are within it."""


class Sheet:
    """A white sheet of so many pixels; places are pixels from its upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width, height), PAPER)
        self._pen = ImageDraw.Draw(self._image)

    def write(self, left: float, middle: float, text: str, size: float, colour: str = INK) -> None:
        """Write one line, in letters of `size` pixels, whose middle is at the height `middle`."""
        draw_line(self._pen, left, round(middle + _BELOW_MIDDLE * size), text, size, colour)

    def write_centred(
        self, centre: float, middle: float, text: str, size: float, colour: str = INK, *, is_bold: bool = False
    ) -> None:
        """Write one line around a point."""
        left = centre - text_width(text, size, is_bold=is_bold) / 2
        draw_line(self._pen, left, round(middle + _BELOW_MIDDLE * size), text, size, colour, is_bold=is_bold)

    def write_turned(
        self, end: tuple[float, float], text: str, size: float, degrees: int, *, is_centred: bool = False
    ) -> None:
        """Write one line that rises by so many degrees and ends at a point, or has its middle there."""
        width, height = round(text_width(text, size)) + 2, round(size * _LINE)
        line = Image.new("L", (width, height))
        draw_line(ImageDraw.Draw(line), 1, round(height / 2 + _BELOW_MIDDLE * size), text, size, PAPER)
        turned = line.rotate(degrees, Image.Resampling.BICUBIC, expand=True)
        back = 0 if is_centred else width / 2
        left = end[0] - back * math.cos(math.radians(degrees)) - turned.width / 2
        top = end[1] + back * math.sin(math.radians(degrees)) - turned.height / 2
        self._pen.bitmap((round(left), round(top)), turned, fill=INK)

    def line(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw a thin line, level or upright."""
        self._pen.line((*start, *end), fill=INK)

    def put(self, left: int, top: int, pixels: NDArray[np.uint8]) -> None:
        """Place a picture, each of its pixels on one of the sheet's.

        Args:
            left: of the picture.
            top: of the picture.
            pixels: uint8, shape (height, width, 1 or 3).
        """
        shown = pixels[..., 0] if pixels.shape[2] == 1 else pixels
        self._image.paste(Image.fromarray(np.ascontiguousarray(shown)), (left, top))

    def frame(self, left: int, top: int, width: int, height: int, line: int, colour: str) -> None:
        """Draw a frame around an area, outside of it; `line` is its thickness."""
        corners = (left - line, top - line, left + width + line - 1, top + height + line - 1)
        self._pen.rectangle(corners, outline=colour, width=line)

    def png(self) -> bytes:
        """The sheet as a PNG file."""
        buffer = io.BytesIO()
        self._image.save(buffer, "PNG", compress_level=FAST_COMPRESSION)
        return buffer.getvalue()


def shortened(text: str, width: float, size: float, *, is_bold: bool = False) -> str:
    """The text, at most `width` pixels wide in letters of `size` pixels; see `cut_to_fit`."""
    return cut_to_fit(spelled_out(text), width, lambda part: text_width(part, size, is_bold=is_bold))
