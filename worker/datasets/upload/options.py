"""The options of an upload and the limits on it. Knows neither archives nor HTTP."""

import codecs
import unicodedata
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from model_store.names import MODEL_PATTERN
from worker.patterns import MOST_TAGS, TAG_PATTERN, size_of

Colour = Literal["auto", "rgb", "greyscale"]

_CODE_PAGES = (
    *("ascii", "utf-8", "big5", "gbk", "gb2312", "gb18030", "euc-jp", "euc-kr", "shift_jis", "koi8-r", "koi8-u"),
    *("mac-roman", "mac-cyrillic"),
    *(f"cp{number}" for number in (437, 720, 737, 775, 850, 852, 855, 857, 858, *range(860, 867), 869, 874)),
    *(f"cp{number}" for number in (932, 936, 949, 950, *range(1250, 1259))),
    *(f"iso8859-{number}" for number in range(1, 17) if number != 12),
)
"""Encodings of names in archives. Python also has some that are no text (`zip`, `rot13`)."""
MAX_SIDE = 512
"""Longest side of a packed picture; a classifier's input is rarely half as large."""


def _printable(text: str) -> str:
    """Text for people, joined into one line."""
    clean = unicodedata.normalize("NFC", " ".join(text.split()))
    if not clean.isprintable():
        raise ValueError("expected printable text, got control characters")
    return clean


@cache
def _code_pages() -> frozenset[str]:
    """As Python names them; not looked up at the start, because each is a module."""
    return frozenset(codecs.lookup(name).name for name in _CODE_PAGES)


def _code_page(name: str) -> str:
    """The name of a code page, as Python knows it."""
    try:
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        found = ""
    if found not in _code_pages():
        raise ValueError(f"expected a code page such as cp437, cp866, cp932, gbk or mac-roman, got {name[:40]!r}")
    return found


def _words(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Parse `week-3,pets` as two words."""
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


Tag = Annotated[str, StringConstraints(pattern=TAG_PATTERN)]
Side = Annotated[int, Field(ge=4, le=MAX_SIDE)]
Text = Annotated[str, Field(max_length=500), AfterValidator(_printable)]


class UploadOptions(BaseModel, defer_build=True):
    """How an archive becomes a dataset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=MODEL_PATTERN, description="Name of the dataset.", examples=["pets"])
    image_size: Annotated[tuple[Side, Side], BeforeValidator(size_of)] | None = Field(
        default=None,
        description="Height and width: `64` or `48x64`. Default: the pictures' own size if all have the same and it "
        "is at most 224, otherwise the largest of 224, 160, 96 and 64 that most of the pictures have.",
    )
    colour: Colour = Field(
        default="auto", description="`rgb`, `greyscale`, or `auto`: greyscale when no picture has any colour."
    )
    test_share: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="Share of each class that becomes the test split if the archive has no `train/` and `test/`.",
    )
    seed: int = Field(default=0, ge=0, lt=2**31, description="Seed of that split and of the order of the pictures.")
    encoding: Annotated[str, AfterValidator(_code_page)] | None = Field(
        default=None,
        description="Code page of names in the archive that are not UTF-8, such as `cp866` or `cp932`. Default: what "
        "the archive says, otherwise code page 437 with a warning.",
        examples=["cp932"],
    )
    title: Text = Field(default="", description="A line about the dataset.")
    licence: Text = Field(default="", description="Terms under which the pictures may be used.")
    source: Text = Field(default="", description="Where the pictures come from.")
    tags: Annotated[tuple[Tag, ...], BeforeValidator(_words), Field(max_length=MOST_TAGS)] = Field(
        default=(),
        description="Words to find the dataset by, separated by commas, see `GET /datasets?tag=`.",
        examples=["week-3,pets"],
    )
    note: Text = Field(default="", description="A remark for people.")


class UploadLimits(BaseModel, defer_build=True):
    """How much an archive may contain, and its conversion may cost."""

    model_config = ConfigDict(frozen=True)

    max_files: int
    max_unpacked_bytes: int = Field(description="All files together, as the archive declares them; also the arrays.")
    max_picture_bytes: int
    max_picture_pixels: int
    max_picture_side: int
    max_pixels: int = Field(description="All pictures together, as their headers declare them.")
    max_cpu_s: float = Field(description="CPU seconds of the conversion.")
    max_memory_bytes: int = Field(description="Address space of the converter.")
    min_free_bytes: int = Field(default=0, description="Space that a conversion leaves free on its disk.")
