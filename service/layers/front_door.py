"""The first layer that may refuse a request: hosts, origins and the key, and what browsers are told in return.

Which requests may come in is decided by `service.web.doors`. This layer answers the refusals, the preflight requests
of the sites that are let in, and puts the headers that protect browsers on every answer.
"""

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import HostNotAllowed, KeyMissing, OriginNotAllowed, ScopeMissing
from service.keys.callers import ADMIN, LOCAL, Caller
from service.keys.route_scopes import RouteScopes
from service.predict.urls import is_prediction
from service.web.doors import SAFE_METHODS, Doors
from service.web.policies import POLICY, STORED_FILE, UNFRAMED
from service.web.problems import respond_to

SHARED_METHODS = "GET, HEAD, POST, PUT"
SHARED_HEADERS = "authorization, content-type, x-api-key, x-request-id"
PREFLIGHT_AGE_S = 600
CALLER = "caller"
"""Name of the caller in the state of a request."""


class FrontDoor:
    """ASGI layer around everything that may be refused to strangers."""

    def __init__(self, app: ASGIApp, doors: Doors, scopes: RouteScopes) -> None:
        self._app = app
        self._doors = doors
        self._scopes = scopes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let an exchange in, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        site = self._doors.shares_with(headers) if _is_shared(scope, headers) else None
        answer = _Answer(send, site)
        if site is not None and _is_preflight(scope, headers):
            await _preflight()(scope, receive, answer.send)
            return
        try:
            self._doors.check(scope, headers, is_shared=site is not None)
            scope.setdefault("state", {})[CALLER] = self._caller(scope)
        except (HostNotAllowed, OriginNotAllowed, KeyMissing, ScopeMissing) as error:
            await respond_to(error, scope)(scope, receive, answer.send)
            return
        await self._app(scope, receive, answer.send)

    def _caller(self, scope: Scope) -> Caller:
        caller = ADMIN if self._doors.needs_key else LOCAL
        needed = self._scopes.needed(scope["method"], scope["path"])
        if needed is not None and not caller.has(needed):
            raise ScopeMissing(needed, caller.scope)
        return caller


class _Answer:
    """Adds headers as an answer leaves."""

    def __init__(self, send: Send, site: bytes | None) -> None:
        self._send = send
        self._site = site

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            present = dict(headers)
            if POLICY not in present:
                headers.append(STORED_FILE if present.get(b"content-type", b"").startswith(b"image/") else UNFRAMED)
            if self._site is not None:
                headers += ((b"access-control-allow-origin", self._site), (b"vary", b"Origin"))
            message["headers"] = headers
        await self._send(message)


def _is_shared(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Whether other sites may be let in here: where pictures are classified, and where things are only read."""
    method = headers.get(b"access-control-request-method", b"").decode("latin-1") or scope["method"]
    return method in SAFE_METHODS or is_prediction({**scope, "method": method})


def _is_preflight(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    return scope["method"] == "OPTIONS" and b"access-control-request-method" in headers


def _preflight() -> Response:
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Methods": SHARED_METHODS,
            "Access-Control-Allow-Headers": SHARED_HEADERS,
            "Access-Control-Max-Age": str(PREFLIGHT_AGE_S),
        },
    )
