"""Messages of JSON-RPC 2.0 as MCP uses it: one object in a body, read and written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.errors import JsonRejected
from service.web.strict_json import parse_json

VERSION = "2.0"
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
MAX_OUTSIDE_STRINGS = 1_000_000
"""Characters of a body that are not in strings; a picture is a string."""

Json = dict[str, Any]


class RpcError(Exception):
    """The error that a message is answered with.

    Attributes:
        code: of JSON-RPC or MCP.
        message: what is wrong.
        data: more for programs.
    """

    def __init__(self, code: int, message: str, data: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


@dataclass(frozen=True)
class Message:
    """A request, or a notification.

    Attributes:
        method: what is asked for; empty for a response, which this server never waits for.
        params: its parameters.
        id: of a request; None for a notification.
    """

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    id: str | int | None = None


def read_message(body: bytearray) -> Message:
    """The message in a body.

    Raises:
        RpcError: it is not JSON, or not one message.
    """
    try:
        found = parse_json(body, MAX_OUTSIDE_STRINGS)
    except JsonRejected as error:
        raise RpcError(PARSE_ERROR, str(error)) from None
    if not isinstance(found, dict) or found.get("jsonrpc") != VERSION:
        raise RpcError(INVALID_REQUEST, "not a message; expected one JSON-RPC 2.0 object; batches are not part of MCP")
    if "method" not in found and ("result" in found or "error" in found):
        return Message("")
    method, params = found.get("method"), found.get("params")
    params = {} if params is None else params
    if not isinstance(method, str) or not method:
        raise RpcError(INVALID_REQUEST, "the message has no method; expected text")
    if not isinstance(params, dict):
        raise RpcError(INVALID_REQUEST, "the parameters are not an object; expected one")
    return Message(method, params, _identity(found) if "id" in found else None)


def _identity(found: Mapping[str, object]) -> str | int:
    identity = found["id"]
    if isinstance(identity, bool) or not isinstance(identity, str | int):
        raise RpcError(INVALID_REQUEST, "the id is neither text nor a whole number; expected one of them")
    return identity


def answer(identity: str | int | None, result: Json) -> Json:
    """The answer to a request."""
    return {"jsonrpc": VERSION, "id": identity, "result": result}


def refusal(identity: str | int | None, error: RpcError) -> Json:
    """The error that a request is answered with."""
    more = {} if error.data is None else {"data": error.data}
    return {"jsonrpc": VERSION, "id": identity, "error": {"code": error.code, "message": error.message, **more}}
