"""The parts of the tus protocol that say nothing about datasets: its version, its metadata, its answers."""

import base64
import binascii
from collections.abc import Mapping

from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from service.web.upload_errors import TUS_VERSION, TusUnsupported

TUS_HEADERS = {"Tus-Resumable": TUS_VERSION}
IGNORED = frozenset({"filename", "filetype", "type"})
"""Metadata that clients send of themselves."""
MOST_METADATA = 32


def require_version(version: str) -> None:
    """Raise `TusUnsupported` unless the client speaks our version."""
    if version != TUS_VERSION:
        raise TusUnsupported(version)


def metadata_fields(metadata: str) -> dict[str, str]:
    """Pairs of a key and a value in base64, separated by commas. Raises `RequestValidationError`."""
    pairs = [pair.strip() for pair in metadata.split(",") if pair.strip()]
    if len(pairs) > MOST_METADATA:
        raise header_refused("Upload-Metadata", f"Too many pairs; expected at most {MOST_METADATA}")
    fields: dict[str, str] = {}
    for pair in pairs:
        key, _, value = pair.partition(" ")
        if key in IGNORED:
            continue
        if key in fields:
            raise header_refused("Upload-Metadata", f"The key {key[:40]!r} comes twice; expected it once")
        try:
            fields[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise header_refused("Upload-Metadata", f"The value of {key[:40]!r} is no base64 of UTF-8") from None
    return fields


def tus_answer(code: int, headers: Mapping[str, str]) -> Response:
    """An answer without a body."""
    return Response(status_code=code, headers={**TUS_HEADERS, **headers})


def header_refused(field: str, message: str) -> RequestValidationError:
    """The error for a header that cannot be."""
    return RequestValidationError([{"type": "value_error", "loc": ("header", field), "msg": message}])
