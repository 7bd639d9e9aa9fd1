"""Where a connection's bytes become requests: uvicorn's own protocol, which asks the fast lane before the application.

A plain prediction is answered from here as soon as its body is whole: without a task, without ASGI's messages, with one
write. Every other request, and one that the lane has no answer for, goes on as if this were uvicorn's class; only the
moment at which the application is called is another. Pipelining, limits of time and shutting down are uvicorn's.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any

from uvicorn._types import HTTPScope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from service.batching import Answer
from service.errors import Overloaded
from service.exchange import (
    CLIENT_LEFT,
    NO_SNIFFING,
    REQUEST_ID_HEADER,
    TIMING_HEADER,
    access,
    log_exchange,
    request_id_from,
)
from service.fast_lane import LANE, Asked, FastLane, Headers, NotPlain, Reply
from service.plain_calls import Call, plain_call, plain_headers

_ANSWER = b"%b%%b%%bcontent-length: %%d\r\n%b: %%b\r\n%b: %b\r\n%b: %%b\r\n\r\n%%b" % (
    STATUS_LINE[200],
    REQUEST_ID_HEADER,
    *NO_SNIFFING,
    TIMING_HEADER,
)

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Plain:
    """A request that may be a plain prediction.

    Attributes:
        cycle: uvicorn's side of it, once uvicorn has to know.
    """

    call: Call
    url: bytes
    headers: Headers
    scope: HTTPScope
    began_at: float
    body: bytes | bytearray = b""  # bytes while it is one piece
    is_whole: bool = False
    cycle: RequestResponseCycle | None = None


class FastProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*arguments, **options)
        self._lane: FastLane | None = None if self.root_path else self.app_state.get(LANE)
        self._plain: _Plain | None = None  # the request under way, when it is plain
        self._held_bytes = 0  # of a body that is not whole
        self._asked: asyncio.Future[Answer] | None = None

    def on_headers_complete(self) -> None:
        """Keep a request that may be plain; let uvicorn begin with any other."""
        if self._plain is None:
            self._plain = self._plain_request()
            if self._plain is not None:
                return
        else:
            self._let_uvicorn_know(self._plain)  # it queues the next request behind this one
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of a body."""
        plain = self._plain
        if plain is None or plain.is_whole:
            super().on_body(body)
        elif not plain.body:
            plain.body = body  # most bodies are one piece, and held for no time
        else:
            if isinstance(plain.body, bytes):
                plain.body = bytearray(plain.body)
            plain.body += body
            self._hold(plain, len(body))

    def on_message_complete(self) -> None:
        """Answer a plain prediction, whose body is whole now."""
        plain = self._plain
        if plain is None or plain.is_whole:
            super().on_message_complete()
        else:
            plain.is_whole = True
            self._let_go()
            self._ask(plain)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let nobody work for a client who has left."""
        plain = self._plain
        if self._asked is not None:
            self._asked.cancel()
        elif plain is not None:
            self._let_uvicorn_know(plain)
        super().connection_lost(exc)
        if plain is not None and self._asked is None:
            self._give_up(plain)

    def shutdown(self) -> None:
        """Answer what is under way, and close."""
        if self._plain is not None:
            self._let_uvicorn_know(self._plain)
        super().shutdown()

    def _plain_request(self) -> _Plain | None:
        """The request whose headers are complete, if it may be plain and no other is under way."""
        if self._lane is None or self.parser.get_method() != b"POST" or self.expect_100_continue:
            return None
        call = plain_call(self.url)
        headers = None if call is None else plain_headers(self.headers)
        if call is None or headers is None or self.flow.write_paused:
            return None
        if self.parser.get_http_version() != "1.1" or not self.parser.should_keep_alive():
            return None
        if self.cycle is not None and not self.cycle.response_complete:
            return None
        return _Plain(call, self.url, headers, self.scope, time.perf_counter())

    def _let_uvicorn_know(self, plain: _Plain) -> RequestResponseCycle:
        """Make what `HttpToolsProtocol.on_headers_complete` would have made of a plain request."""
        if plain.cycle is None:
            path, _, query = plain.url.partition(b"?")
            plain.scope["method"] = "POST"
            plain.scope["path"] = path.decode()
            plain.scope["raw_path"] = path
            plain.scope["query_string"] = query
            plain.cycle = self.cycle = RequestResponseCycle(
                scope=plain.scope,
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
        return plain.cycle

    def _hold(self, plain: _Plain, n_bytes: int) -> None:
        assert self._lane is not None
        self._held_bytes += n_bytes
        try:
            self._lane.room.hold(n_bytes)
        except Overloaded:
            self._let_go()
            self._give_up(plain)

    def _let_go(self) -> None:
        if self._held_bytes and self._lane is not None:
            self._lane.room.hold(-self._held_bytes)
            self._held_bytes = 0

    def _give_up(self, plain: _Plain) -> None:
        """Let the application answer after all, which finds the request as if nobody had looked at it."""
        self._plain = None
        self._let_go()
        cycle = self._let_uvicorn_know(plain)
        cycle.body += plain.body
        cycle.more_body = not plain.is_whole
        cycle.message_event.set()
        task = self.loop.create_task(cycle.run_asgi(self.app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _ask(self, plain: _Plain) -> None:
        assert self._lane is not None
        try:
            self._lane.room.enter()
        except Overloaded:
            self._give_up(plain)
            return
        try:
            asked = self._lane.ask(plain.call, plain.headers, bytes(plain.body))
        except Exception as error:  # noqa: BLE001 - the application finds it as well, and tells
            self._give_up_inside(plain, error)
            return
        self._asked = asked.answer
        asked.answer.add_done_callback(lambda _: self._reply(plain, asked))

    def _reply(self, plain: _Plain, asked: Asked) -> None:
        self._asked = None
        if asked.answer.cancelled() or self.transport.is_closing():
            self._plain = None
            self._report(plain, CLIENT_LEFT, _request_id(plain))
            return
        try:
            reply = asked.finish(asked.answer.result())
        except Exception as error:  # noqa: BLE001 - likewise
            self._give_up_inside(plain, error)
            return
        self._plain = None
        request_id = _request_id(plain)
        self._write(plain.cycle, reply, request_id)
        self._report(plain, 200, request_id)
        self.on_response_complete()

    def _give_up_inside(self, plain: _Plain, error: Exception) -> None:
        assert self._lane is not None
        self._lane.room.step_out()
        if not isinstance(error, NotPlain):
            logger.debug("the fast lane leaves a request to the routes: %r", error)
        self._give_up(plain)

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

    def _report(self, plain: _Plain, status: int, request_id: str) -> None:
        assert self._lane is not None
        seconds = time.perf_counter() - plain.began_at
        self._lane.room.leave(seconds)
        self._lane.metrics.request_answered(plain.call.route, "POST", status, seconds)
        if access.isEnabledFor(logging.INFO):
            log_exchange("POST", plain.url.partition(b"?")[0].decode(), status, seconds, request_id)


def _request_id(plain: _Plain) -> str:
    return request_id_from(plain.headers.get(REQUEST_ID_HEADER, b"").decode("latin-1"))
