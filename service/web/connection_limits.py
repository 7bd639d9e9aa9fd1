"""One HTTP connection that no client can abuse: uvicorn's httptools protocol with limits on size, time and number.

uvicorn 0.54 limits neither headers nor the time of a request under httptools; its h11 protocol limits only the size of
a header, and parses in Python. So the limits are added here:

- a header is refused while it arrives, at its 101st line or at 64 KiB;
- `Upgrade` is ignored and the body is read as usual (httptools takes it for the bytes of another protocol);
- header, body, idle time and the reading of answers have deadlines, which the table of connections reviews;
- an answer that is complete before its request's body has arrived closes the connection, after at most 1 MiB more.

A request costs a few attribute assignments for that, and saves uvicorn's keep-alive timer.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.web.connection_deadlines import ConnectionLimits, Deadlines, Due, Phase, Progress
from service.web.connection_table import ConnectionTable
from service.web.refusals import (
    CONNECT_UNSUPPORTED,
    HEADER_TOO_LARGE,
    HOST_INVALID,
    TIMED_OUT,
    TOO_MANY_CONNECTIONS,
    TOO_MANY_REQUESTS,
    Refusal,
    Refused,
    refusal_bytes,
    refusal_for,
)
from service.web.request_headers import header_size, header_without_upgrade, is_host_valid

CONNECTIONS = "connections"
"""Key of the `ConnectionTable` in the lifespan state of the application."""
BETWEEN, HEADER, BODY, CLOSING = Phase


class LimitedProtocol(HttpToolsProtocol):
    """One connection.

    Attributes:
        phase: what is read from it now.
        n_requests: requests that have begun on it.
        body_bytes: what has arrived of the current request's body.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*arguments, **options)
        table = self.app_state.get(CONNECTIONS)
        if table is None:  # the application has no limits of its own
            table = self.app_state[CONNECTIONS] = ConnectionTable(ConnectionLimits())
        self._table: ConnectionTable = table
        self._limits: ConnectionLimits = table.limits
        self._deadlines = Deadlines(table.limits)
        self.phase = BETWEEN
        self.n_requests = 0
        self.body_bytes = 0
        self._fed_bytes = 0  # of the current header, and at most one chunk before it
        self._silent_bytes = 0  # of a body that did not become data: chunk headers, trailers
        self._discarded_bytes = 0
        self._is_within_limits = True
        self._is_stopping = False
        self._keeps_alive = True  # as the current request asks
        self._last_answer = b""  # of a connection that is closing; sent after all other answers

    # From the transport.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection."""
        super().connection_made(transport)
        self._answer_side = _AnswerSide(self)
        self._is_within_limits = self._table.add(self, self.client[0] if self.client else None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._table.remove(self)
        super().connection_lost(exc)
        self._answer_side.close = self.transport.close  # nothing refers to itself, so all is freed at once

    def data_received(self, data: bytes) -> None:
        """Parse the next bytes, or discard them when the connection is closing."""
        phase, n_requests, body_bytes = self.phase, self.n_requests, self.body_bytes
        if phase is CLOSING:
            self._discarded_bytes += len(data)
            if self._discarded_bytes > self._limits.linger_bytes:
                self.transport.close()
            return
        self._fed_bytes = len(data) + (self._fed_bytes if phase is HEADER else 0)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(memoryview(data)[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self.refuse(refusal_for(error))
        if self.phase is HEADER:
            if self.n_requests - n_requests > (phase is BETWEEN):
                self._fed_bytes = 0  # an unknown part belongs to earlier requests
            elif self._fed_bytes > self._limits.header_bytes:
                self.refuse(HEADER_TOO_LARGE)
        elif self.phase is BODY:
            self._silent_bytes = self._silent_bytes + len(data) if body_bytes == self.body_bytes else 0
            if self._silent_bytes > 2 * self._limits.header_bytes:
                self.refuse(HEADER_TOO_LARGE)

    # From the parser.

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.phase = HEADER
        self.n_requests += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, unless it is one too many. Trailers are ignored."""
        if self.phase is BODY:
            return
        if len(self.headers) >= self._limits.header_count:
            raise Refused(HEADER_TOO_LARGE)
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Check the header, and start its request."""
        if self.parser.should_upgrade():
            return  # the header comes again without `Upgrade`
        max_bytes = self._limits.header_bytes
        if self._fed_bytes > max_bytes and header_size(self.url, self.headers) > max_bytes:
            raise Refused(HEADER_TOO_LARGE)
        if not self._is_within_limits and self._path() not in self._limits.open_paths:
            raise Refused(TOO_MANY_CONNECTIONS)
        self.body_bytes = self._silent_bytes = 0
        self.begin_request()
        self.phase = BODY

    def begin_request(self) -> None:
        """Start the application for a request whose header is complete."""
        if not is_host_valid(self.parser.get_http_version(), self.headers):
            raise Refused(HOST_INVALID)
        if len(self.pipeline) >= self._limits.pipelined_requests:
            raise Refused(TOO_MANY_REQUESTS)
        super().on_headers_complete()
        self.watch_answer(self.cycle)

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self.body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request has arrived whole."""
        if self.phase is not BODY:
            return  # the header comes again without `Upgrade`
        self.phase = BETWEEN
        self.release_answer(self.cycle)
        super().on_message_complete()

    # From the application.

    def on_response_complete(self) -> None:
        """Go on with the next request; unlike uvicorn's, without a timer for each answer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.phase is not CLOSING:
            self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self._last_answer:
            self._linger(self._last_answer)

    def shutdown(self) -> None:
        """Answer what has begun, and close."""
        self._is_stopping = True
        super().shutdown()

    # For subclasses.

    def is_answering(self) -> bool:
        """Whether a request has no complete answer yet."""
        return self.cycle is not None and not self.cycle.response_complete

    def watch_answer(self, cycle: RequestResponseCycle) -> None:
        """Let an answer that is complete before its request has arrived close the connection."""
        self._keeps_alive = cycle.keep_alive and self._is_within_limits
        cycle.keep_alive = False
        cycle.transport = self._answer_side  # type: ignore[assignment]

    def release_answer(self, cycle: RequestResponseCycle) -> None:
        """Let an answer that has not begun keep the connection open, because its request has arrived whole."""
        if not cycle.response_started and not self._is_stopping:
            cycle.keep_alive = self._keeps_alive

    def end_answer(self) -> None:
        """Close the connection; when a request is still arriving, discard some of it first."""
        if self.phase is BODY:
            self.phase = CLOSING
            self._linger(b"")
        else:
            self.transport.close()

    def refuse(self, refusal: Refusal) -> None:
        """Answer without the application, after the answers that are due, and close."""
        is_in_body, self.phase = self.phase is BODY, CLOSING
        self._table.refused(refusal.verdict.status)
        answer = refusal_bytes(refusal, self.server_state.default_headers)
        if not self.is_answering():
            self._linger(answer)
        elif is_in_body:
            self._refuse_body(answer)
        else:
            self._last_answer = answer

    def abandon_request(self) -> bool:
        """Tell the application that the client has left. Returns whether nothing of its answer was sent."""
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        return not self.cycle.response_started

    def review(self, now_s: float) -> None:
        """End the connection, or the request on it, if it takes too long."""
        progress = Progress(
            self.phase,
            self.n_requests,
            self.is_answering(),
            self.body_bytes,
            self.transport.get_write_buffer_size(),
            self.flow.read_paused or (self.cycle is not None and self.cycle.waiting_for_100_continue),
            self.phase is BODY and self._limits.long_body_paths.fullmatch(self._path()) is not None,
            self._is_within_limits,
        )
        match self._deadlines.due(progress, now_s):
            case Due.REFUSAL:
                self.refuse(TIMED_OUT)
            case Due.CLOSE:
                self.transport.close()
            case Due.DROP:
                self.drop()

    def drop(self) -> None:
        """Close the connection at once, without sending what is left."""
        self.transport.abort()

    def _path(self) -> str:
        return self.url.partition(b"?")[0].decode("latin-1")

    def _ignore_upgrade(self, rest: memoryview) -> None:
        """Parse headers that ask for another protocol again without that wish, and then the rest of the bytes."""
        while True:
            if self.parser.get_method() == b"CONNECT":
                self.refuse(CONNECT_UNSUPPORTED)
                return
            version = self.parser.get_http_version().encode()
            header = header_without_upgrade(self.parser.get_method(), self.url, version, self.headers)
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
            try:
                self.parser.feed_data(header)
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]
            except httptools.HttpParserError as error:
                self.refuse(refusal_for(error))
                return
            else:
                return

    def _refuse_body(self, answer: bytes) -> None:
        """Answer a request with a slow or broken body, if it is its turn and nothing of its answer was sent."""
        is_waiting = bool(self.pipeline)
        if self.abandon_request() and not is_waiting:
            self._linger(answer)
        else:
            self.transport.close()

    def _linger(self, answer: bytes) -> None:
        """Send the last bytes, and read a little more, so that the client sees them before a reset."""
        if answer:
            self.transport.write(answer)
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.transport.can_write_eof():
                self.transport.write_eof()


class _AnswerSide:
    """What a request's cycle writes to: the transport, except for the way it closes."""

    def __init__(self, protocol: LimitedProtocol) -> None:
        self.write = protocol.transport.write
        self.is_closing = protocol.transport.is_closing
        self.close = protocol.end_answer
