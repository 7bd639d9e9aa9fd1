"""Fonts for the drawings: DejaVu for most scripts, and a Chinese, Japanese and Korean font where one is installed.

DejaVu's file comes with matplotlib, which is installed for live curves and is only looked up here, not imported. A font
for Chinese, Japanese and Korean labels is the extra `cjk`, or a usual one of the operating system.
"""

import importlib.util
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

SYSTEM_DIRECTORIES = ("/usr/share/fonts", "/usr/local/share/fonts", "/System/Library/Fonts", "/Library/Fonts")
CJK_NAMES = (
    "NotoSansCJK*.tt[cf]",
    "NotoSansCJK*.otf",
    "SourceHanSans*.otf",
    "wqy-*.ttc",
    "DroidSansFallback*.ttf",
    "unifont*.[ot]tf",
    "ipaexg.ttf",
    "PingFang.ttc",
    "Hiragino*.ttc",
    "AppleSDGothicNeo.ttc",
)
CJK_PACKAGES = ("noto_cjk_sans_jp_regular",)
_CJK = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH", "HALFWIDTH")


@cache
def font(size: int, *, is_cjk: bool = False) -> Font:
    """A font of this size in pixels; if none is installed for Chinese, Japanese and Korean, the one for the rest."""
    path = (_cjk_path() if is_cjk else None) or _latin_path()
    if path is None:
        return ImageFont.load_default(size)
    return ImageFont.truetype(str(path), size)


def runs(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces that one font can draw, each with whether it is Chinese, Japanese or Korean."""
    piece, was_cjk = "", False
    for letter in text:
        is_cjk = _is_cjk(letter)
        if piece and is_cjk != was_cjk:
            yield piece, was_cjk
            piece = ""
        piece, was_cjk = piece + letter, is_cjk
    if piece:
        yield piece, was_cjk


def _is_cjk(letter: str) -> bool:
    return letter > "\u10ff" and unicodedata.name(letter, "").startswith(_CJK)


@cache
def _latin_path() -> Path | None:
    found = importlib.util.find_spec("matplotlib")
    if found is not None and found.origin is not None:
        path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return path
    return _first(SYSTEM_DIRECTORIES, ("DejaVuSans.ttf",))


@cache
def _cjk_path() -> Path | None:
    specs = (importlib.util.find_spec(package) for package in CJK_PACKAGES)
    packaged = [str(Path(spec.origin).parent) for spec in specs if spec is not None and spec.origin is not None]
    return _first((*packaged, *SYSTEM_DIRECTORIES), CJK_NAMES)


def _first(directories: tuple[str, ...], names: tuple[str, ...]) -> Path | None:
    for directory in directories:
        for name in names:
            for path in sorted(Path(directory).rglob(name)):
                return path
    return None
