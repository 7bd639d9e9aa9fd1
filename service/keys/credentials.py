"""Finds the key in a request's headers. A key never comes in a URL, where logs and histories would keep it."""

import base64
import binascii
from collections.abc import Mapping
from contextlib import suppress


def token_in(headers: Mapping[bytes, bytes]) -> bytes:
    """The key that a request carries; empty when it carries none.

    Args:
        headers: names in lower case.
    """
    return headers.get(b"x-api-key") or _credentials(headers.get(b"authorization", b""))


def _credentials(authorization: bytes) -> bytes:
    """The key in an `Authorization` header: a bearer token, or the password of Basic authentication."""
    scheme, _, value = authorization.partition(b" ")
    match scheme.lower():
        case b"bearer":
            return value.strip()
        case b"basic":
            with suppress(binascii.Error, ValueError):
                return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
    return b""
