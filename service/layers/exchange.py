"""What every HTTP exchange has: a request id, safe headers, and an answer to unexpected errors.

This is the outermost layer of the application, so it logs, counts and times each exchange, once. It knows neither
routes nor bodies; it only reads the template of the route at the end.
"""

import logging
import time
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.telemetry.metrics import OTHER, Metrics
from service.telemetry.stages import server_timing, stage_times
from service.web.problems import respond_unforeseen
from service.web.request_ids import request_id_from
from worker.telemetry.logs import log_context
from worker.telemetry.spans import Span, Tracing

logger = logging.getLogger(__name__)
access = logging.getLogger("service.access")

REQUEST_ID = "X-Request-ID"
CLIENT_LEFT = 499
"""Status in the log and the metrics when the client disconnected before its answer, as in nginx's log."""
_SHOWN_PATH = 200
_TRACEPARENT = b"traceparent"
REQUEST_ID_HEADER, TIMING_HEADER = b"x-request-id", b"server-timing"
NO_SNIFFING = (b"x-content-type-options", b"nosniff")
_OWN_HEADERS = frozenset({REQUEST_ID_HEADER, NO_SNIFFING[0], TIMING_HEADER})


class Exchange:
    """ASGI layer around everything else."""

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: Tracing) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one exchange; scopes other than HTTP pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, traceparent = _carried(scope)
        scope.setdefault("state", {})["request_id"] = request_id
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
        except Exception:  # the top of the API: expected errors have handlers further in
            logger.exception("request %s (%s %r) failed", answer.request_id, scope["method"], scope["path"][:200])
            if answer.status is not None:
                raise  # half an answer is sent: only closing the connection tells the client
            await respond_unforeseen(answer.request_id, scope)(scope, receive, answer.send)

    def _report(self, scope: Scope, answer: "_Answer") -> None:
        seconds = time.perf_counter() - answer.began_at
        status = answer.status or CLIENT_LEFT
        self._metrics.request_answered(route_of(scope), scope["method"], status, seconds)
        log_exchange(scope["method"], scope["path"], status, seconds, answer.request_id)


class _Answer:
    """Adds the common headers to an answer, and remembers its status."""

    def __init__(self, send: Send, request_id: str, times: Mapping[str, float]) -> None:
        self._send = send
        self._times = times
        self.request_id = request_id
        self.began_at = time.perf_counter()
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [pair for pair in message.get("headers", ()) if pair[0] not in _OWN_HEADERS]
            headers += ((REQUEST_ID_HEADER, self.request_id.encode()), NO_SNIFFING)
            if self._times:
                headers.append((TIMING_HEADER, server_timing(self._times).encode()))
            message["headers"] = headers
        await self._send(message)


def log_exchange(method: str, path: str, status: int, seconds: float, request_id: str) -> None:
    """Write an exchange's line in the access log."""
    if not access.isEnabledFor(logging.INFO):
        return
    fields = {"method": method, "path": _shown(path), "status": status, "duration_ms": round(seconds * 1000, 3)}
    with log_context(request_id=request_id):
        access.info(
            "%(method)s %(path)s %(status)d in %(duration_ms).1f ms (request %(request_id)s)",
            {**fields, "request_id": request_id},
            extra={"fields": fields},
        )


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
    """A path that is safe in a log line: short, and without characters that could forge another line."""
    return "".join(character if character.isprintable() else "?" for character in path[:_SHOWN_PATH])


def _carried(scope: Scope) -> tuple[str, str]:
    """The request's id (the client's own if it is safe to log) and its `traceparent`, or an empty string."""
    request_id = traceparent = ""
    for name, value in scope["headers"]:
        if name == REQUEST_ID_HEADER and not request_id:
            request_id = value.decode("latin-1")
        elif name == _TRACEPARENT and not traceparent:
            traceparent = value.decode("latin-1")
    return request_id_from(request_id), traceparent
