"""What all drawn pictures share: colours, figures without pyplot, widths of text, and writing a figure to bytes.

Figures are made directly and not through `pyplot`: there is no global state, and less to import. Names of classes and
datasets are drawn as they are written: a `$` does not begin a formula.
"""

import io
import warnings
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Literal

import matplotlib

matplotlib.use("agg")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager, get_font
from matplotlib.textpath import text_to_path

from worker.pictures.cjk_font import cjk_font
from worker.pictures.emoji_words import spelled_out

matplotlib.rcParams["text.parse_math"] = False

Format = Literal["png", "svg"]

# Okabe and Ito's colour-blind safe palette (2008). Colour is never the only difference: lines differ in style, too.
ORANGE = "#E69F00"
BLUE = "#0072B2"
GREEN = "#009E73"
VERMILLION = "#D55E00"
GREY = "#6E6E6E"

DPI = 110
POINTS_PER_INCH = 72
ELLIPSIS = "…"


def new_figure(width: float, height: float, *, dpi: int = DPI, layout: Literal["constrained"] | None = None) -> Figure:
    """An empty figure, width and height in inches; with `"constrained"`, its parts do not overlap."""
    _use_cjk_font()
    figure = Figure(figsize=(width, height), dpi=dpi, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def picture_bytes(figure: Figure, picture_format: Format = "png") -> bytes:
    """The figure as a PNG or SVG file."""
    buffer = io.BytesIO()
    with _without_glyph_warnings():
        figure.savefig(buffer, format=picture_format)
    return buffer.getvalue()


@cache
def text_width(text: str, points: float, *, is_bold: bool = False) -> float:
    """Width of one line of text in inches."""
    _use_cjk_font()
    font = FontProperties(size=points, weight="bold" if is_bold else "normal")
    with _without_glyph_warnings():
        width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return width / POINTS_PER_INCH


@cache
def shortened(text: str, width: float, points: float, *, is_bold: bool = False) -> str:
    """The text, at most `width` inches wide. Of a wider text the beginning and the end, where names often differ.

    Emoji are spelled out: fonts have few of them, and classes that are called by nothing else would all be boxes.
    """
    text = spelled_out(text)
    if text_width(text, points, is_bold=is_bold) <= width:
        return text
    n_letters = bisect_right(
        range(2, len(text)), width, key=lambda most: text_width(_cut(text, most), points, is_bold=is_bold)
    )
    return _cut(text, n_letters + 1)


def _cut(text: str, most: int) -> str:
    n_tail = (most - 1) // 3
    return text[: most - 1 - n_tail] + ELLIPSIS + text[len(text) - n_tail :]


@cache
def _use_cjk_font() -> None:
    """Draw what DejaVu lacks with a Chinese, Japanese and Korean font, if there is one.

    Done once, with the first drawing: looking for the font may take a walk through the directories of the system.
    """
    path = cjk_font()
    if path is not None:
        fontManager.addfont(path)
        matplotlib.rcParams["font.family"] = ["DejaVu Sans", get_font(str(path)).family_name]


@contextmanager
def _without_glyph_warnings() -> Iterator[None]:
    """A character that no font has becomes a box; a warning about each of them is of no use."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield
