"""Calls routes of this application from inside it, as the client of a request: without a connection, with its key.

A call goes through every layer of the application. So keys, scopes, owners, quotas, limits, the audit log and the
metrics hold for it as for a request over the network, and no tool can do what its caller cannot.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.types import Message

PASSED_ON = frozenset({b"host", b"authorization", b"x-api-key", b"x-request-id"})
"""Headers of the request that its calls have, too: who asks, and under which name the server was called."""


@dataclass(frozen=True)
class Call:
    """One call of a route.

    Attributes:
        method: of HTTP.
        path: decoded.
        query: parameters; one may be repeated.
        body: JSON, or None.
        headers: besides those that are passed on, names in lower case.
    """

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    body: bytes | None = None
    headers: Sequence[tuple[bytes, bytes]] = ()


@dataclass
class Reply:
    """What a route answers.

    Attributes:
        status: of HTTP.
        headers: names in lower case.
        body: at most as many bytes as were wanted.
        is_cut: the body had more.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    is_cut: bool = False

    @property
    def media_type(self) -> str:
        """Its Content-Type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip()


class Loopback:
    """Calls routes for one request.

    Args:
        request: whose client calls; its body has been read to the end.
        max_bytes: most bytes of an answer that are kept.
    """

    def __init__(self, request: Request, max_bytes: int) -> None:
        self._request = request
        self._max_bytes = max_bytes

    async def send(self, call: Call) -> Reply:
        """Call a route and wait for its whole answer."""
        outer = self._request.scope
        scope = {
            "type": "http",
            "asgi": outer["asgi"],
            "http_version": outer["http_version"],
            "scheme": outer["scheme"],
            "method": call.method,
            "path": call.path,
            "raw_path": quote(call.path).encode(),
            "query_string": urlencode(call.query).encode(),
            "root_path": "",
            "headers": self._headers(call),
            "client": outer.get("client"),
            "server": outer.get("server"),
            "state": dict(outer.get("state", {})),
        }
        collected = _Collected(self._max_bytes)
        await self._request.app(scope, _Body(call.body or b"", self._request).receive, collected.send)
        return collected.reply

    def _headers(self, call: Call) -> list[tuple[bytes, bytes]]:
        kept = [pair for pair in self._request.scope["headers"] if pair[0] in PASSED_ON]
        if call.body is not None:
            kept += ((b"content-type", b"application/json"), (b"content-length", str(len(call.body)).encode()))
        return [*kept, *call.headers]


def parameters(named: Iterable[tuple[str, object]]) -> list[tuple[str, str]]:
    """Values as a query has them: truth in lower case, lists repeated, null left out."""
    found: list[tuple[str, str]] = []
    for name, value in named:
        for each in value if isinstance(value, list) else [value]:
            if each is not None:
                found.append((name, str(each).lower() if isinstance(each, bool) else str(each)))
    return found


class _Body:
    """Sends the body of a call; after it, what the client's own connection says: that it has left."""

    def __init__(self, body: bytes, request: Request) -> None:
        self._body: bytes | None = body
        self._request = request

    async def receive(self) -> Message:
        if self._body is None:
            return await self._request.receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Collected:
    def __init__(self, max_bytes: int) -> None:
        self.reply = Reply()
        self._max_bytes = max_bytes

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.reply.status = message["status"]
            pairs = message.get("headers", ())
            self.reply.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
        elif message["type"] == "http.response.body":
            piece, n_allowed = message.get("body", b""), self._max_bytes - len(self.reply.body)
            self.reply.is_cut |= len(piece) > n_allowed
            self.reply.body += piece[:n_allowed]
