"""Decodes base64 as programs write it: wrapped or not, of either alphabet, padded or not, or in a `data:` URL."""

import base64
import re
from urllib.parse import unquote

BASE64_EXPECTED = "expected base64 (RFC 4648), or a data: URL with base64"
_DATA_URL = re.compile(r"\s*data:[^,]{0,256};base64,", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n]+")
_URL_SAFE = str.maketrans("-_", "+/")


def decode_base64(text: str) -> bytes:
    """The bytes that a text stands for.

    Raises:
        ValueError: it is not base64.
    """
    try:
        return base64.b64decode(text, validate=True)  # the usual form, as it is
    except ValueError:
        return base64.b64decode(_usual_form(text), validate=True)


def _usual_form(text: str) -> str:
    url = _DATA_URL.match(text)
    digits = text if url is None else unquote(text[url.end() :])
    digits = _SPACE.sub("", digits).translate(_URL_SAFE).rstrip("=")
    return digits + "=" * (-len(digits) % 4)
