"""The revisions of MCP that are spoken, and what distinguishes them on the wire.

Until 2025-11-25 a client begins with `initialize` and names the revision in a header from then on. Since 2026-07-28
there is no beginning: every request says in `_meta` which revision it is and what its client can do, and repeats in
headers what proxies want to know. No revision needs a session here, so any process may answer any request.
"""

import base64
import binascii
import re
from collections.abc import Mapping

from starlette.datastructures import Headers

from service.agents.messages import INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR, Message, RpcError

INITIALIZED = ("2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions that begin with `initialize`, the oldest first."""
SELF_CONTAINED = "2026-07-28"
SPOKEN = [SELF_CONTAINED, *reversed(INITIALIZED)]
"""All revisions, the newest first."""
ASSUMED = INITIALIZED[0]
"""The revision of a request without the header, as MCP says."""
VERSION_HEADER, METHOD_HEADER, NAME_HEADER = "mcp-protocol-version", "mcp-method", "mcp-name"
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
SERVER_KEY = "io.modelcontextprotocol/serverInfo"
HEADER_MISMATCH, UNSUPPORTED_VERSION, RESOURCE_NOT_FOUND = -32020, -32022, -32002
STATUSES = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    HEADER_MISMATCH: 400,
    UNSUPPORTED_VERSION: 400,
    METHOD_NOT_FOUND: 404,
}
"""HTTP status by the code of an error, in the self-contained revision."""
_NAMES = {"tools/call": "name", "resources/read": "uri"}
"""Parameter that the header `Mcp-Name` repeats, by method."""
_ENCODED = re.compile(r"=\?base64\?(?P<payload>[A-Za-z0-9+/=]*)\?=")


def revision_of(headers: Headers, message: Message) -> str:
    """The revision of a message.

    Raises:
        RpcError: it is not spoken here, or the message contradicts its headers.
    """
    said = headers.get(VERSION_HEADER, ASSUMED)
    if said in INITIALIZED or (message.method == "initialize" and VERSION_HEADER not in headers):
        return said
    if message.id is not None:
        _check_envelope(headers, message)
    if said != SELF_CONTAINED:
        raise unsupported(said)
    return said


def unsupported(said: str) -> RpcError:
    """The error for a revision that is not spoken here."""
    return RpcError(
        UNSUPPORTED_VERSION,
        f"Unsupported protocol version; expected one of {', '.join(SPOKEN)}, got {said[:40]!r}",
        {"supported": SPOKEN, "requested": said[:40]},
    )


def agreed(wanted: object) -> str:
    """The revision to go on with after `initialize`: the one that the client wants, or the newest that begins so."""
    return wanted if isinstance(wanted, str) and wanted in INITIALIZED else INITIALIZED[-1]


def status_of(error: RpcError, headers: Headers) -> int:
    """The HTTP status of an error; to clients of the older revisions, any other than 200 is a failed connection."""
    if headers.get(VERSION_HEADER, ASSUMED) not in INITIALIZED:
        return STATUSES.get(error.code, 200)
    return 400 if error.code in (PARSE_ERROR, INVALID_REQUEST) else 200


def _check_envelope(headers: Headers, message: Message) -> None:
    meta = message.params.get("_meta")
    if not isinstance(meta, Mapping) or not isinstance(meta.get(VERSION_KEY), str) or CAPABILITIES_KEY not in meta:
        raise RpcError(INVALID_PARAMS, f"params._meta is incomplete; expected {VERSION_KEY!r} and {CAPABILITIES_KEY!r}")
    expected: dict[str, object] = {VERSION_HEADER: meta[VERSION_KEY], METHOD_HEADER: message.method}
    if message.method in _NAMES:
        expected[NAME_HEADER] = message.params.get(_NAMES[message.method])
    for name, value in expected.items():
        given = headers.getlist(name)
        if len(given) != 1 or _decoded(given[0]) != value:
            raise RpcError(HEADER_MISMATCH, f"The header {name} does not repeat what the body says; expected it once")


def _decoded(value: str) -> str | None:
    found = _ENCODED.fullmatch(value)
    if found is None:
        return value
    try:
        return base64.b64decode(found["payload"], validate=True).decode()
    except (binascii.Error, ValueError):
        return None
