"""What every HTTP exchange has in common: a request id, safe headers, and a last net for what nobody foresaw.

Outermost of the application's own layers, so it is here that each exchange is logged, counted and timed, once. It
knows neither routes nor bodies; of the route it only reads the template, when all is over.
"""

import logging
import re
import secrets
import time
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.metrics import OTHER, Metrics
from service.problems import respond_unforeseen
from service.stages import server_timing, stage_times
from worker.logs import log_context
from worker.tracing import Span, Tracing

logger = logging.getLogger(__name__)
access = logging.getLogger("service.access")

REQUEST_ID = "X-Request-ID"
CLIENT_LEFT = 499
"""Stands for the status of an exchange whose client did not stay for one, as in nginx's log."""
_SHOWN_PATH = 200
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Exchange:
    """ASGI layer around everything else."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: Tracing) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one exchange; connections of other kinds pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        traceparent = Headers(scope=scope).get("traceparent", "")
        with (
            log_context(request_id=request_id),
            stage_times() as times,
            self._tracing.span(scope["method"], kind="server", parent=traceparent) as span,
        ):
            answer = _Answer(send, request_id, times)
            try:
                await self._run(scope, receive, answer)
            finally:
                self._report(scope, answer)
                _describe(span, scope, answer)

    async def _run(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._app(scope, receive, answer.send)
        except Exception:  # the top of the API: everything foreseen has its handler further in
            logger.exception("request %s (%s %r) failed", answer.request_id, scope["method"], scope["path"][:200])
            if answer.status is not None:
                raise  # half an answer is out: only cutting the connection tells the client
            await respond_unforeseen(answer.request_id, scope["path"])(scope, receive, answer.send)

    def _report(self, scope: Scope, answer: "_Answer") -> None:
        seconds = time.perf_counter() - answer.began_at
        status = answer.status or CLIENT_LEFT
        self._metrics.request_answered(route_of(scope), scope["method"], status, seconds)
        fields = {
            "method": scope["method"],
            "path": _shown(scope["path"]),
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
        }
        access.info(
            "%(method)s %(path)s %(status)d in %(duration_ms).1f ms (request %(request_id)s)",
            {**fields, "request_id": answer.request_id},
            extra={"fields": fields},
        )


class _Answer:
    """Stamps an answer as it leaves, and remembers what became of it."""

    def __init__(self, send: Send, request_id: str, times: Mapping[str, float]) -> None:
        self._send = send
        self._times = times
        self.request_id = request_id
        self.began_at = time.perf_counter()
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID] = self.request_id
            headers["X-Content-Type-Options"] = "nosniff"
            if self._times:
                headers["Server-Timing"] = server_timing(self._times)
        await self._send(message)


def route_of(scope: Scope) -> str:
    """The template of the route that answered, such as `/jobs/{job_id}`; `OTHER` when there was none."""
    return str(getattr(scope.get("route"), "path", OTHER))


def _describe(span: Span, scope: Scope, answer: _Answer) -> None:
    status = answer.status or CLIENT_LEFT
    span.rename(f"{scope['method']} {route_of(scope)}")
    span.set("http.request.method", scope["method"])
    span.set("http.route", route_of(scope))
    span.set("http.response.status_code", status)
    span.set("convserve.request_id", answer.request_id)
    if status >= 500:
        span.fail(str(status))


def _shown(path: str) -> str:
    """A path fit for a line: short, and without what could forge another line."""
    return "".join(character if character.isprintable() else "?" for character in path[:_SHOWN_PATH])


def _request_id(scope: Scope) -> str:
    """The client's own id when it is a harmless one, else a new one."""
    came = Headers(scope=scope).get(REQUEST_ID, "")
    return came if _ACCEPTED_ID.fullmatch(came) else secrets.token_hex(8)
