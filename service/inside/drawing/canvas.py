"""A sheet to draw on: text in any script, pictures with hard pixels, and the PNG file at the end."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.pictures.fonts import draw_line, font, text_width

INK, GREY, PAPER, LINE = "#1A1A1A", "#5F5F5F", "#FFFFFF", "#D0D0D0"
TEXT, SMALL = 15, 12
MARGIN = 16
ELLIPSIS = "…"
TIMES = "\N{MULTIPLICATION SIGN}"

Pixels = NDArray[np.uint8]


class Canvas:
    """A white sheet."""

    def __init__(self, width: int, height: int) -> None:
        """Sides in pixels."""
        from PIL import ImageDraw  # noqa: PLC0415 - loads FreeType, as in `fonts`

        self._image = Image.new("RGB", (width, height), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def text(
        self, left: float, top: float, text: str, *, size: int = TEXT, colour: str = INK, most: float | None = None
    ) -> None:
        """Write one line; `most` is the largest width, beyond which the text is cut in the middle."""
        line = text if most is None else shortened(text, most, size)
        draw_line(self._draw, left, top + _ascent(size), line, size, colour)

    def centred(self, middle: float, top: float, text: str, *, size: int = SMALL, colour: str = GREY) -> None:
        """Write one line around a middle."""
        self.text(middle - text_width(text, size) / 2, top, text, size=size, colour=colour)

    def picture(self, left: int, top: int, pixels: Pixels) -> None:
        """Put RGB pixels on the sheet, as they are."""
        self._image.paste(Image.fromarray(np.ascontiguousarray(pixels)), (left, top))

    def frame(self, left: int, top: int, width: int, height: int, colour: str = LINE) -> None:
        """Draw a thin line around an area."""
        self._draw.rectangle((left - 1, top - 1, left + width, top + height), outline=colour)

    def scale(self, left: int, top: int, colours: Pixels, low: str, high: str, *, width: int = 160) -> None:
        """Draw a bar with the colours from low to high, and its two ends in words."""
        bar = colours[np.linspace(0, len(colours) - 1, width).astype(int)]
        self.picture(left, top, np.repeat(bar[np.newaxis], 12, axis=0))
        self.frame(left, top, width, 12)
        self.text(left, top + 15, low, size=SMALL, colour=GREY)
        self.text(left + width - text_width(high, SMALL), top + 15, high, size=SMALL, colour=GREY)

    def png(self) -> bytes:
        """The sheet as a PNG file."""
        return png_file(self._image)


def png_file(image: Image.Image) -> bytes:
    """A PNG file of an image."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def _ascent(size: int) -> float:
    """From the top of a line to its baseline, on which letters of all fonts stand."""
    face = font(size)
    return face.getmetrics()[0] if hasattr(face, "getmetrics") else size


def shortened(text: str, most: float, size: int) -> str:
    """The text, or its beginning and its end, at most so many pixels wide."""
    if text_width(text, size) <= most:
        return text
    for n_kept in range(len(text) - 1, 1, -1):
        n_end = n_kept // 3
        cut = text[: n_kept - n_end] + ELLIPSIS + text[len(text) - n_end :]
        if text_width(cut, size) <= most:
            return cut
    return ELLIPSIS


def rgb(pixels: Pixels) -> Pixels:
    """Grey or RGB pixels, shape (height, width, 1 or 3), as RGB."""
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def fitted(pixels: NDArray[Any], side: int) -> NDArray[Any]:
    """Pixels enlarged by the largest whole factor that fits into a square, without smoothing; larger ones are reduced.

    Args:
        pixels: shape (height, width, channels), uint8.
        side: of the square, in pixels.
    """
    height, width = pixels.shape[:2]
    factor = side // max(height, width)
    if factor:
        return pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.BOX))
