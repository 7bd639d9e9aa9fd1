"""The limits of a connection in memory: what is parsed, what is answered, and that nothing of it stays."""

import asyncio
import gc
import json
import weakref
from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Request

from service.web.connection_deadlines import ConnectionLimits
from service.web.connection_limits import CONNECTIONS
from service.web.connection_table import ConnectionTable
from tests.event_loop import LoopClock, turns
from tests.unit.service.connections import Connection, post

pytestmark = pytest.mark.anyio

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()

    @app.api_route("/", methods=["GET", "POST"])
    async def echo(request: Request) -> dict[str, object]:
        return {"body": (await request.body()).decode(), "headers": sorted(request.headers)}

    @app.api_route("/unread", methods=["POST"])
    async def unread() -> None: ...

    return app


@pytest.fixture
async def clock() -> Iterator[LoopClock]:  # type: ignore[misc]
    clock = LoopClock()
    yield clock
    clock.resume()


async def test_trailers_are_not_headers(app: FastAPI) -> None:
    connection = Connection(app, {})
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.send(head + b"2\r\nab\r\n0\r\nX-Later: 1\r\n\r\n")
    answer = json.loads((await connection.answer()).body)
    assert answer == {"body": "ab", "headers": ["host", "transfer-encoding"]}


async def test_a_malformed_request_is_refused_after_the_answers_before_it(app: FastAPI) -> None:
    connection = Connection(app, {})
    connection.send(GET + post("/", b"ab") + b"nonsense\r\n\r\n" + GET)
    assert [(await connection.answer()).status for _ in range(3)] == [200, 200, 400]
    assert connection.is_ended


async def test_a_body_that_turns_out_malformed_is_refused(app: FastAPI) -> None:
    connection = Connection(app, {})
    connection.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
    await turns()
    connection.send(b"nonsense\r\n")
    assert (await connection.answer()).status == 400
    await turns()
    assert connection.is_ended


async def test_pipelined_headers_are_counted_one_by_one(app: FastAPI) -> None:
    one = GET.replace(b"\r\n\r\n", b"\r\nX: " + b"x" * 1000 + b"\r\n\r\n")
    connection = Connection(app, {CONNECTIONS: ConnectionTable(ConnectionLimits(header_bytes=10_000))})
    connection.send(one * 40)  # 40 kB at once
    connection.send(one[:500])
    connection.send(one[500:])
    assert {(await connection.answer()).status for _ in range(41)} == {200}


async def test_too_many_pipelined_requests_are_refused_after_the_answers_that_are_due(app: FastAPI) -> None:
    connection = Connection(app, {CONNECTIONS: ConnectionTable(ConnectionLimits(pipelined_requests=5))})
    connection.send(GET * 1000)
    assert [(await connection.answer()).status for _ in range(7)] == [200] * 6 + [429]
    assert connection.is_ended
    assert connection.protocol.n_requests == 7


async def test_an_answer_before_its_body_closes_and_what_follows_is_no_request(app: FastAPI) -> None:
    connection = Connection(app, {CONNECTIONS: ConnectionTable(ConnectionLimits(linger_bytes=100))})
    connection.send(post("/unread", b"", Content_Length="1000"))
    answer = await connection.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert connection.is_ended
    connection.send(GET)
    await turns()
    assert not connection.is_closed
    connection.send(bytes(100))
    assert connection.is_closed


async def test_an_answer_after_its_body_keeps_the_connection_open(app: FastAPI) -> None:
    connection = Connection(app, {})
    request = post("/", b"abc")
    for piece in (request[:-3], request[-3:-1], request[-1:], GET):
        connection.send(piece)
        await turns()
    answers = [await connection.answer() for _ in range(2)]
    assert [answer.headers.get("connection") for answer in answers] == [None, None]


async def test_a_server_that_stops_answers_what_is_arriving_and_closes(app: FastAPI) -> None:
    connection = Connection(app, {})
    request = post("/", b"abc")
    connection.send(request[:-1])
    await turns()
    connection.protocol.shutdown()
    connection.send(request[-1:])
    answer = await connection.answer()
    assert (answer.status, answer.headers["connection"], connection.is_closed) == (200, "close", True)


async def test_time_in_which_the_loop_stood_still_is_not_the_clients(app: FastAPI, clock: LoopClock) -> None:
    table = ConnectionTable(ConnectionLimits())
    connection = Connection(app, {CONNECTIONS: table})
    connection.send(GET[:-2])
    clock.advance(1)
    await turns()
    clock.advance(60)
    await turns()
    assert not connection.is_closed
    for _ in range(12):
        clock.advance(1.01)
        await turns()
    assert (await connection.answer()).status == 408


async def test_a_connection_is_freed_as_soon_as_it_is_closed(app: FastAPI) -> None:
    gc.disable()
    try:
        connection = Connection(app, {})
        connection.send(post("/", b"abc"))
        await connection.answer()
        protocol = weakref.ref(connection.protocol)
        connection.leave()
        del connection.protocol  # as transports do, once they are closed
        await asyncio.sleep(0)
        await turns()
        assert protocol() is None
    finally:
        gc.enable()
