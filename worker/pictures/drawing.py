"""What Matplotlib's drawings share: figures without pyplot, widths of text, and writing a figure to bytes.

Figures are made directly and not through `pyplot`: there is no global state, and less to import. Names of classes and
datasets are drawn as they are written: a `$` does not begin a formula.
"""

import io
import warnings
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
from worker.pictures.shortening import cut_to_fit

matplotlib.rcParams["text.parse_math"] = False

Format = Literal["png", "svg"]

DPI = 110
POINTS_PER_INCH = 72


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
    return cut_to_fit(spelled_out(text), width, lambda part: text_width(part, points, is_bold=is_bold))


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
