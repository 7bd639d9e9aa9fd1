"""Turns a connection's bytes into requests: the limited protocol, which asks the fast lane before the application.

It answers a simple prediction as soon as its body is whole: without a task, without ASGI messages, with one write.
Every other request, and every request that the lane cannot answer, goes on as in the class below; only the moment at
which the application is called differs. Limits are those of `service.web.connection_limits`, pipelining is uvicorn's.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any

from uvicorn._types import HTTPScope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from service.errors import Overloaded
from service.fast.lane import LANE, Asked, FastLane, Headers, NotSimple, Reply
from service.fast.simple_requests import Call, simple_call, simple_headers
from service.inference.batch import Answer
from service.layers.exchange import (
    CLIENT_LEFT,
    NO_SNIFFING,
    REQUEST_ID_HEADER,
    TIMING_HEADER,
    access,
    log_exchange,
)
from service.web.connection_limits import BETWEEN, LimitedProtocol
from service.web.policies import UNFRAMED
from service.web.request_ids import request_id_from

_ANSWER = b"%b%%b%%bcontent-length: %%d\r\n%b: %%b\r\n%b: %b\r\n%b: %b\r\n%b: %%b\r\n\r\n%%b" % (
    STATUS_LINE[200],
    REQUEST_ID_HEADER,
    *NO_SNIFFING,
    *UNFRAMED,
    TIMING_HEADER,
)

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _SimpleRequest:
    """A request that may be a simple prediction.

    Attributes:
        lane: who is asked.
        call: what its address asks for.
        url: as received.
        headers: names in lower case, each once.
        scope: uvicorn's ASGI scope, which is completed only when the routes need it.
        began_at: `time.perf_counter()` when its headers were complete.
        body: what has arrived of the body; bytes as long as it is one piece.
        is_whole: the body is complete.
        cycle: uvicorn's view of the request, once uvicorn has to know about it.
    """

    lane: FastLane
    call: Call
    url: bytes
    headers: Headers
    scope: HTTPScope
    began_at: float
    body: bytes | bytearray = b""
    is_whole: bool = False
    cycle: RequestResponseCycle | None = None


class FastProtocol(LimitedProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*arguments, **options)
        self._lane: FastLane | None = None if self.root_path else self.app_state.get(LANE)
        self._simple: _SimpleRequest | None = None  # the current request, if it is simple
        self._held_bytes = 0  # of a body in several pieces, until it is answered
        self._asked: asyncio.Future[Answer] | None = None

    def begin_request(self) -> None:
        """Keep a request that may be simple; let uvicorn begin with any other."""
        if self._simple is None:
            self._simple = self._simple_request()
            if self._simple is not None:
                return
        else:
            self._let_uvicorn_know(self._simple)  # it queues the next request behind this one
        super().begin_request()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        simple = self._simple
        if simple is None or simple.is_whole:
            super().on_body(body)
            return
        self.body_bytes += len(body)
        if not simple.body:
            simple.body = body  # most bodies arrive in one piece and are not held
        else:
            n_bytes = len(body)
            if isinstance(simple.body, bytes):
                n_bytes += len(simple.body)
                simple.body = bytearray(simple.body)
            simple.body += body
            self._hold(simple, n_bytes)

    def on_message_complete(self) -> None:
        """Answer a simple prediction, whose body is complete now."""
        simple = self._simple
        if simple is None or simple.is_whole:
            super().on_message_complete()
        else:
            self.phase = BETWEEN
            simple.is_whole = True
            if simple.cycle is not None:
                self.release_answer(simple.cycle)
            self._ask(simple)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop work whose client has disconnected."""
        simple = self._simple
        if self._asked is not None:
            self._asked.cancel()
        elif simple is not None:
            self._let_uvicorn_know(simple)
        super().connection_lost(exc)
        if simple is not None and self._asked is None:
            self._give_up(simple)

    def shutdown(self) -> None:
        """Answer the current request, and close."""
        if self._simple is not None:
            self._let_uvicorn_know(self._simple)
        super().shutdown()

    def is_answering(self) -> bool:
        """Whether a request has no complete answer yet."""
        return self._simple is not None or super().is_answering()

    def abandon_request(self) -> bool:
        """Tell the application that the client has left. Returns whether nothing of its answer was sent."""
        simple = self._simple
        if simple is None or simple.is_whole:
            return super().abandon_request()
        self._let_uvicorn_know(simple).disconnected = True
        self._give_up(simple)
        return True

    def _simple_request(self) -> _SimpleRequest | None:
        """The request whose headers are complete, if it may be simple and no other is in progress."""
        if self._lane is None or self.parser.get_method() != b"POST" or self.expect_100_continue:
            return None
        call = simple_call(self.url)
        headers = None if call is None else simple_headers(self.headers)
        if call is None or headers is None or b"host" not in headers or self.flow.write_paused:
            return None
        if not self._lane.lets_in(headers):
            return None
        if self.parser.get_http_version() != "1.1" or not self.parser.should_keep_alive():
            return None
        if self.cycle is not None and not self.cycle.response_complete:
            return None
        return _SimpleRequest(self._lane, call, self.url, headers, self.scope, time.perf_counter())

    def _let_uvicorn_know(self, simple: _SimpleRequest) -> RequestResponseCycle:
        """Make the cycle that `HttpToolsProtocol.on_headers_complete` would have made of a simple request."""
        if simple.cycle is None:
            path, _, query = simple.url.partition(b"?")
            simple.scope["method"] = "POST"
            simple.scope["path"] = path.decode()
            simple.scope["raw_path"] = path
            simple.scope["query_string"] = query
            simple.cycle = self.cycle = RequestResponseCycle(
                scope=simple.scope,
                transport=self.transport,
                flow=self.flow,
                logger=self.logger,
                access_logger=self.access_logger,
                access_log=self.access_log,
                default_headers=self.server_state.default_headers,
                message_event=asyncio.Event(),
                expect_100_continue=False,
                keep_alive=True,
                on_response=self.on_response_complete,
            )
            self.watch_answer(simple.cycle)
            if simple.is_whole:
                self.release_answer(simple.cycle)
        return simple.cycle

    def _hold(self, simple: _SimpleRequest, n_bytes: int) -> None:
        self._held_bytes += n_bytes
        try:
            simple.lane.capacity.hold(n_bytes)
        except Overloaded:
            self._let_go()
            self._give_up(simple)

    def _let_go(self) -> None:
        if self._held_bytes and self._lane is not None:
            self._lane.capacity.let_go(self._held_bytes)
            self._held_bytes = 0

    def _give_up(self, simple: _SimpleRequest) -> None:
        """Let the application answer after all; it sees the request as if the lane had not touched it."""
        self._simple = None
        self._let_go()
        cycle = self._let_uvicorn_know(simple)
        cycle.body += simple.body
        cycle.more_body = not simple.is_whole
        cycle.message_event.set()
        task = self.loop.create_task(cycle.run_asgi(self.app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _ask(self, simple: _SimpleRequest) -> None:
        try:
            simple.lane.capacity.enter()
        except Overloaded:
            self._give_up(simple)
            return
        try:
            asked = simple.lane.ask(simple.call, simple.headers, bytes(simple.body))
        except Exception as error:  # noqa: BLE001 - the application meets the same error and reports it
            self._give_up_inside(simple, error)
            return
        self._asked = asked.answer
        asked.answer.add_done_callback(lambda _: self._reply(simple, asked))

    def _reply(self, simple: _SimpleRequest, asked: Asked) -> None:
        self._asked = None
        self._let_go()
        if asked.answer.cancelled() or self.transport.is_closing():
            self._simple = None
            self._report(simple, CLIENT_LEFT, _request_id(simple))
            return
        failure = asked.answer.exception()
        if failure is not None:  # not raised here: its traceback would keep the body until the garbage collector runs
            self._give_up_inside(simple, failure)
            return
        try:
            reply = asked.finish(asked.answer.result())
        except Exception as error:  # noqa: BLE001 - likewise
            self._give_up_inside(simple, error)
            return
        self._simple = None
        request_id = _request_id(simple)
        self._write(simple.cycle, reply, request_id)
        self._report(simple, 200, request_id)
        self.on_response_complete()

    def _give_up_inside(self, simple: _SimpleRequest, error: BaseException) -> None:
        simple.lane.capacity.step_out()
        if not isinstance(error, NotSimple):
            logger.debug("the fast lane leaves a request to the routes: %r", error)
        self._give_up(simple)

    def _write(self, cycle: RequestResponseCycle | None, reply: Reply, request_id: str) -> None:
        closes = cycle is not None and not cycle.keep_alive
        lines = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
        if closes:
            lines.append(b"connection: close\r\n")
        length = len(reply.content)
        answer = (b"".join(lines), reply.headers, length, request_id.encode(), reply.timing, reply.content)
        self.transport.write(_ANSWER % answer)
        if cycle is not None:
            cycle.response_started = cycle.response_complete = True
        if closes:
            self.transport.close()

    def _report(self, simple: _SimpleRequest, status: int, request_id: str) -> None:
        seconds = time.perf_counter() - simple.began_at
        simple.lane.capacity.leave(seconds)
        simple.lane.metrics.request_answered(simple.call.route, "POST", status, seconds)
        if access.isEnabledFor(logging.INFO):
            log_exchange("POST", simple.url.partition(b"?")[0].decode(), status, seconds, request_id)


def _request_id(simple: _SimpleRequest) -> str:
    return request_id_from(simple.headers.get(REQUEST_ID_HEADER, b"").decode("latin-1"))
