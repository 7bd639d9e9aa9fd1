"""Parses untrusted JSON: limited depth, finite numbers only, no duplicate keys, no half characters.

The standard library's parser recurses, accepts NaN and 1e999, keeps the last of two equal keys, and makes strings of
surrogates that no encoding can write; attackers have used each of these. Knows nothing about requests.
"""

import json
import math
import re
from typing import NoReturn

from pydantic import JsonValue

from service.errors import JsonRejected

MAX_DEPTH = 32
MAX_MEMBERS = 10_000
"""Keys of all objects together: four times those of the longest network that is accepted. Each key that a model does
not know becomes an error of its own: 60,000 of them took 1.3 s of the event loop."""
_ONE_KIND = str.maketrans("{}", "[]")
_NOT_BRACKETS = re.compile(r"[^\[\]]+")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""An escape of half a character beyond U+FFFF; two of them in a row make the character."""


def parse_json(data: bytes | bytearray, max_outside_strings: int | None = None) -> JsonValue:
    """Parse a body.

    Args:
        data: UTF-8, at most as large as its reader's cap.
        max_outside_strings: most characters outside of strings. Parsed numbers and lists take many times the memory
            of their text; strings do not.

    Raises:
        JsonRejected: the body is not JSON, or breaks one of the limits.
    """
    text = _decoded(data)
    if max_outside_strings is not None and text.count('"') > max_outside_strings:
        raise JsonRejected(f"it has too many strings; expected at most {max_outside_strings // 2:,}, got more")
    _check_outline(_without_strings(text), max_outside_strings)
    try:
        value: JsonValue = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_Members().object
        )
    except json.JSONDecodeError as error:
        raise JsonRejected(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError:  # Python's own limit on the digits of an integer
        raise JsonRejected("a number has too many digits") from None
    if "\\u" in text and _SURROGATE.search(text):
        _refuse_halves(value)
    return value


def _refuse_halves(value: JsonValue) -> None:
    """Such text is no Unicode: it cannot be stored, sent on, or shown."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise JsonRejected(
            r"a string has half of a character; expected surrogates in pairs, such as \ud83d\udc31"
        ) from None


def _decoded(data: bytes | bytearray) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise JsonRejected("it is not UTF-8") from None


def _without_strings(text: str) -> str:
    """The text outside of strings; for invalid JSON, at least everything up to the first error."""
    return "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])


def _check_outline(outline: str, most: int | None) -> None:
    if most is not None and len(outline) > most:
        raise JsonRejected(f"it has too much outside of strings; expected at most {most:,} characters, got more")
    brackets = _NOT_BRACKETS.sub("", outline.translate(_ONE_KIND))
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace("[]", "")  # removes the innermost level
    # What remains is nested deeper or unbalanced. A few stray brackets are left to the parser, which names their place.
    if len(brackets) > MAX_DEPTH or "[]" in brackets:
        raise JsonRejected(f"it is nested too deeply; expected at most {MAX_DEPTH} levels, got more")


def _refuse_constant(name: str) -> NoReturn:
    raise JsonRejected(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise JsonRejected("a number is too large")
    return number


class _Members:
    """Makes the objects of one body, and counts their keys."""

    def __init__(self) -> None:
        self._count = 0

    def object(self, pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        self._count += len(pairs)
        if self._count > MAX_MEMBERS:
            raise JsonRejected(f"its objects have too many keys; expected at most {MAX_MEMBERS:,} in all, got more")
        found = dict(pairs)
        if len(found) != len(pairs):
            raise JsonRejected("an object has the same key twice")
        return found
