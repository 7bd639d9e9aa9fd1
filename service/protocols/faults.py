"""The error body of the public protocols, `{"error": "<text>"}`, and the paths where it is used.

Clients compare the Content-Type for equality, so it is `application/json` without parameters. `service.web.verdicts`
decides the status of an error.
"""

import json
from collections.abc import Mapping

from starlette.responses import Response

from service.web.verdicts import protocol_status_of, verdict_of

MEDIA_TYPE = "application/json"
MAX_TEXT = 600
PREFIXES = ("/v1", "/v2")
"""Paths below which clients expect this error body."""


def respond(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """Every error answer of the protocols is made here; the text is shortened, and ASCII on the wire."""
    shown = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
    return Response(json.dumps({"error": shown}), status, headers, MEDIA_TYPE)


def respond_to(error: Exception, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to an error of the table in `service.web.verdicts`."""
    verdict = verdict_of(error)
    return respond(protocol_status_of(error), verdict.detail or str(error) or verdict.title, headers)
