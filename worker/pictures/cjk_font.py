"""Where a font with Chinese, Japanese and Korean glyphs is; the fonts that Matplotlib and Pillow bring have none."""

import importlib.util
from functools import cache
from pathlib import Path

PACKAGES = ("noto_cjk_sans_jp_regular",)
SYSTEM_DIRECTORIES = ("/usr/share/fonts", "/usr/local/share/fonts", "/System/Library/Fonts", "/Library/Fonts")
NAMES = (
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


@cache
def cjk_font() -> Path | None:
    """The file of the locked package or, without it, a usual one of the operating system; None if there is neither."""
    specs = (importlib.util.find_spec(package) for package in PACKAGES)
    packaged = [str(Path(spec.origin).parent) for spec in specs if spec is not None and spec.origin is not None]
    return first_file((*packaged, *SYSTEM_DIRECTORIES), NAMES)


def first_file(directories: tuple[str, ...], names: tuple[str, ...]) -> Path | None:
    """The first file below the directories that has one of the names, which may be patterns."""
    for directory in directories:
        for name in names:
            for path in sorted(Path(directory).rglob(name)):
                return path
    return None
