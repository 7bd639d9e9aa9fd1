"""The first layer that may refuse a request: hosts, origins and keys, and what browsers are told in return.

Which requests may come in is decided by `service.web.doors` and `service.keys.gate`. This layer answers the refusals
and the preflight requests of the sites that are let in, reports what was changed and by whom, and puts the headers
that protect browsers on every answer.
"""

import asyncio

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_store import StoreUnavailable
from service.errors import HostNotAllowed, OriginNotAllowed
from service.keys.audit import is_write, report_write
from service.keys.callers import Caller
from service.keys.gate import Gate
from service.keys.keyring import Keyring
from service.predict.urls import is_prediction
from service.web.doors import SAFE_METHODS, Doors
from service.web.key_errors import KeyMissing, ScopeMissing, TooManyFailures
from service.web.policies import POLICY, STORED_FILE, UNFRAMED
from service.web.problems import respond_to
from service.web.quota_errors import QuotaExceeded

SHARED_METHODS = "GET, HEAD, POST, PUT"
SHARED_HEADERS = (
    "authorization, content-type, if-none-match, if-range, last-event-id, range, x-api-key, x-request-id, x-request-key"
)
READABLE_HEADERS = b"content-range, etag, link, retry-after, server-timing, x-model-version, x-request-id"
"""Headers of an answer that a page of another site may read, beside those that any page may."""
PREFLIGHT_AGE_S = 600
CALLER = "caller"
"""Name of the caller in the state of a request."""
EVENT_STREAM = b"text/event-stream"
CLIENT_LEFT = 499
REFUSALS = (
    HostNotAllowed,
    OriginNotAllowed,
    KeyMissing,
    ScopeMissing,
    TooManyFailures,
    QuotaExceeded,
    StoreUnavailable,
)


class FrontDoor:
    """ASGI layer around everything that may be refused to strangers."""

    def __init__(self, app: ASGIApp, doors: Doors, gate: Gate) -> None:
        self._app = app
        self._doors = doors
        self._gate = gate

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
        keyring: Keyring | None = scope["app"].state.service.keyring
        try:
            self._doors.check(scope, headers, is_shared=site is not None)
            caller = await self._gate.caller_of(keyring, scope, headers)
        except REFUSALS as error:
            await respond_to(error, scope)(scope, receive, answer.send)
            return
        scope.setdefault("state", {})[CALLER] = caller
        if keyring is not None and caller.digest:
            answer.watch(keyring, caller)
        try:
            await answer.run(self._app, scope, receive)
        finally:
            self._audit(scope, caller, answer)

    def _audit(self, scope: Scope, caller: Caller, answer: "_Answer") -> None:
        route = self._gate.scopes.route_at(scope["method"], scope["path"])
        if route is not None and is_write(route):
            report_write(caller, route, scope["path"], answer.status or CLIENT_LEFT, answer.headers)


class _Answer:
    """Adds headers as an answer leaves, and ends an event stream whose key is revoked."""

    def __init__(self, send: Send, site: bytes | None) -> None:
        self._send = send
        self._site = site
        self._keyring: Keyring | None = None
        self._caller: Caller | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_revoked = False
        self.status: int | None = None
        self.headers: dict[bytes, bytes] = {}

    def watch(self, keyring: Keyring, caller: Caller) -> None:
        """Let an event stream end with the caller's key."""
        self._keyring, self._caller, self._task = keyring, caller, asyncio.current_task()

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive) -> None:
        try:
            await app(scope, receive, self.send)
        except asyncio.CancelledError:
            if not self._is_revoked or self._task is None:
                raise
            self._task.uncancel()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if self._keyring is not None:
                self._keyring.unfollow(self._revoke)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            self.status, self.headers = message["status"], dict(headers)
            content_type = self.headers.get(b"content-type", b"")
            if POLICY not in self.headers:
                headers.append(STORED_FILE if content_type.startswith(b"image/") else UNFRAMED)
            if self._site is not None:
                headers += (
                    (b"access-control-allow-origin", self._site),
                    (b"access-control-expose-headers", READABLE_HEADERS),
                    (b"vary", b"Origin"),
                )
            message["headers"] = headers
            if self._keyring is not None and self._caller is not None and content_type.startswith(EVENT_STREAM):
                self._keyring.follow(self._caller, self._revoke)
        await self._send(message)

    def _revoke(self) -> None:
        self._is_revoked = True
        if self._task is not None:
            self._task.cancel()


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
