"""Fonts for Pillow's drawings: DejaVu for most scripts, and a Chinese, Japanese and Korean one where it is installed.

DejaVu's file comes with matplotlib, which is installed for live curves and is only looked up here, not imported. A font
for Chinese, Japanese and Korean labels is found by `worker.pictures.cjk_font`. FreeType is loaded with the first font:
most API processes never draw.
"""

import importlib.util
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from worker.pictures.cjk_font import SYSTEM_DIRECTORIES, cjk_font, first_file
from worker.pictures.emoji_words import spelled_out

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

Font: TypeAlias = "ImageFont.FreeTypeFont | ImageFont.ImageFont"

REGULAR, BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"
_CJK = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH", "HALFWIDTH")


@cache
def font(size: float, *, is_cjk: bool = False, is_bold: bool = False) -> Font:
    """A font of this size in pixels; if none is installed for Chinese, Japanese and Korean, the one for the rest.

    Bold letters are DejaVu's: the other font has one weight.
    """
    from PIL import ImageFont  # noqa: PLC0415 - see the module's docstring

    path = (cjk_font() if is_cjk else None) or _latin_path(BOLD if is_bold else REGULAR)
    if path is None:
        return ImageFont.load_default(size)
    return ImageFont.truetype(str(path), size)


def runs(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces that one font can draw, and whether it is Chinese, Japanese or Korean; emoji in words."""
    piece, was_cjk = "", False
    for letter in spelled_out(text):
        is_cjk = _is_cjk(letter)
        if piece and is_cjk != was_cjk:
            yield piece, was_cjk
            piece = ""
        piece, was_cjk = piece + letter, is_cjk
    if piece:
        yield piece, was_cjk


def text_width(text: str, size: float, *, is_bold: bool = False) -> float:
    """Width of one line in pixels."""
    return sum(font(size, is_cjk=is_cjk, is_bold=is_bold).getlength(piece) for piece, is_cjk in runs(text))


def draw_line(
    pen: "ImageDraw.ImageDraw",
    left: float,
    baseline: float,
    text: str,
    size: float,
    colour: str,
    *,
    is_bold: bool = False,
) -> None:
    """Write one line, which begins at `left` and stands on the baseline."""
    for piece, is_cjk in runs(text):
        face = font(size, is_cjk=is_cjk, is_bold=is_bold)
        pen.text((left, baseline), piece, font=face, fill=colour, anchor="ls")
        left += face.getlength(piece)


def _is_cjk(letter: str) -> bool:
    return letter > "\u10ff" and unicodedata.name(letter, "").startswith(_CJK)


@cache
def _latin_path(name: str) -> Path | None:
    found = importlib.util.find_spec("matplotlib")
    if found is not None and found.origin is not None:
        path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / name
        if path.is_file():
            return path
    return first_file(SYSTEM_DIRECTORIES, (name,))
