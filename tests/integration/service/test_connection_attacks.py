"""What one client can do to the others, on real sockets: little. Deadlines here are tenths of a second."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise

import pytest

from model_store import ModelStore
from service.app import create_app
from service.settings import ApiSettings
from service.web.connection_deadlines import ConnectionLimits
from service.web.connection_table import SURPLUS_CONNECTIONS, ConnectionTable
from tests.integration.service.doors import Door, code_of, listening, settled
from tests.unit.service.connections import form, post
from tests.unit.service.tiny_networks import grey_picture, publish

pytestmark = pytest.mark.anyio

PICTURE = grey_picture(3)
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
ROUTE = "/%70redict"  # the lane leaves odd addresses to the routes
QUICK = ConnectionLimits(header_s=0.4, idle_s=0.4, body_s=30, rate_window_s=0.4, send_s=0.6, linger_s=0.4)


@pytest.fixture
def limits() -> ConnectionLimits:
    return QUICK


@pytest.fixture
async def door(settings: ApiSettings, store: ModelStore, limits: ConnectionLimits) -> AsyncIterator[Door]:
    publish(store)
    app = create_app(settings.model_copy(update={"max_dataset_bytes": 2_000_000, "catalog_refresh_s": 60}), store)
    async with listening(app, ConnectionTable(limits)) as door:
        yield door


# Headers (D1).


@pytest.mark.parametrize(
    "header",
    [
        b"X: " + b"x" * 66_000 + b"\r\n",
        b"".join(b"X-%d: x\r\n" % n for n in range(100)),
        b"".join(b"X-%d: %b\r\n" % (n, b"x" * 1000) for n in range(70)),
        b"a:\r\n" * 30_000,
        b"x" * 66_000 + b": y\r\n",
    ],
    ids=["one long value", "one header too many", "too much together", "thousands", "a long name"],
)
@pytest.mark.parametrize("step", [1 << 20, 5000])
async def test_a_large_header_is_refused(door: Door, header: bytes, step: int) -> None:
    client = await door.connect()
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n"
    for at in range(0, len(request), step):
        client.send(request[at : at + step])
        await asyncio.sleep(0)
    status, head, body = await client.answer()
    assert (status, code_of(body)) == (431, "header_too_large")
    assert b"connection: close" in head
    assert await client.end() == b""


async def test_a_long_address_is_refused(door: Door) -> None:
    status, body = await door.ask(b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (status, code_of(body)) == (431, "header_too_large")


async def test_a_header_within_the_limits_is_read(door: Door) -> None:
    header = b"".join(b"X-%d: %b\r\n" % (n, b"x" * 600) for n in range(99))
    assert (await door.ask(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n"))[0] == 200
    body, kind = form(*[("a.png", PICTURE + bytes(20_000))] * 4)  # a large body does not count as header
    assert (await door.ask(post("/predict", body, kind)))[0] == 200


@pytest.mark.parametrize("piece", [b"x" * 10_000, b"a:\r\n" * 2500], ids=["a line", "lines"])
async def test_a_header_without_end_is_refused_early(door: Door, piece: bytes) -> None:
    client = await door.connect()
    client.send(b"GET / HTTP/1.1\r\nX: ")
    n_sent = await client.flood(piece, 200_000_000)
    assert n_sent < 20_000_000  # most of it still in the buffers of the two sockets
    assert (await door.ask(GET))[0] == 200


async def test_trailers_without_end_are_refused(door: Door) -> None:
    client = await door.connect()
    client.send(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
    assert await client.flood(b"X: " + b"x" * 10_000 + b"\r\n", 200_000_000) < 20_000_000


# `Upgrade` (D2).


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
@pytest.mark.parametrize("is_split", [False, True])
@pytest.mark.parametrize("path", ["/predict", ROUTE])
async def test_an_upgrade_is_ignored_and_the_body_is_read(door: Door, protocol: str, is_split: bool, path: str) -> None:
    request = post(path, PICTURE, Connection="Upgrade, HTTP2-Settings", Upgrade=protocol, HTTP2_Settings="AAMAAABk")
    head, body = request[: -len(PICTURE)], request[-len(PICTURE) :]
    client = await door.connect()
    if is_split:
        client.send(head)
        await asyncio.sleep(0.05)
        client.send(body)
    else:
        client.send(head + body)
    status, _, answer = await client.answer()
    assert (status, answer) == await door.ask(post(path, PICTURE))
    client.send(GET)
    assert (await client.answer())[0] == 200  # nothing else was answered before
    client.leave()


async def test_a_body_that_looks_like_a_request_stays_a_body(door: Door) -> None:
    client = await door.connect()
    client.send(post("/predict", GET, Connection="Upgrade", Upgrade="h2c").removesuffix(GET))
    await asyncio.sleep(0.05)
    client.send(GET)
    assert (await client.answer())[0] in (415, 422)
    assert await client.end() == b""  # idle until the deadline: there was one request


async def test_many_upgrades_at_once_are_all_answered(door: Door) -> None:
    client = await door.connect()
    client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n") * 60)
    for _ in range(60):
        assert (await client.answer())[0] == 200
    client.leave()


async def test_connect_is_refused(door: Door) -> None:
    status, body = await door.ask(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\nhello")
    assert (status, code_of(body)) == (400, "connect_unsupported")


# Deadlines (D3).


async def test_a_connection_that_says_nothing_is_closed(door: Door) -> None:
    client = await door.connect()
    assert await client.end() == b""


async def test_a_connection_that_sends_only_line_breaks_is_closed(door: Door) -> None:
    client = await door.connect()
    n_sent = 0
    with contextlib.suppress(ConnectionError):
        while n_sent < 200 and not client.reader.at_eof():
            client.send(b"\r\n")
            n_sent += 1
            await asyncio.sleep(0.05)
    assert n_sent < 60


async def test_a_slow_header_is_refused(door: Door) -> None:
    client = await door.connect()
    answer = asyncio.create_task(client.answer())
    for byte in GET[:-2] * 3:
        if answer.done():
            break
        client.send(bytes([byte]))
        await asyncio.sleep(0.03)
    status, _, body = await answer
    assert (status, code_of(body)) == (408, "request_timeout")
    assert await client.end() == b""


@pytest.mark.parametrize("path", ["/predict", ROUTE, "/datasets?name=pets", "/jobs"])
async def test_a_slow_body_is_refused(door: Door, path: str) -> None:
    client = await door.connect()
    kind = {"/datasets": "application/zip", "/jobs": "application/json"}.get(path.partition("?")[0], "image/png")
    client.send(post(path, bytes(9000), kind)[:-8999])
    answer = asyncio.create_task(client.answer())
    for _ in range(200):
        if answer.done():
            break
        client.send(b"\0")
        await asyncio.sleep(0.03)
    status, _, body = await answer
    assert (status, code_of(body)) == (408, "request_timeout")
    assert await client.end() == b""


async def _sent_steadily(door: Door, request: bytes, n_last: int) -> tuple[int, float]:
    """Send the last bytes of a request one tenth of a second after the other, 300 at a time.

    Returns:
        The status of the answer, and the longest time that passed between two parts.
    """
    client = await door.connect()
    client.send(request[:-n_last])
    sent = [time.monotonic()]
    for at in range(len(request) - n_last, len(request), 300):
        await asyncio.sleep(0.1)
        client.send(request[at : at + 300])
        sent.append(time.monotonic())
    status, _, _ = await client.answer()
    client.leave()
    return status, max(after - before for before, after in pairwise(sent))


@pytest.mark.parametrize("path", ["/predict", ROUTE])
async def test_a_steady_body_takes_its_time(door: Door, path: str) -> None:
    request = post(path, PICTURE + bytes(6000))  # bytes behind a PNG do not matter
    for _ in range(100):  # 3,000 bytes a second for 2 s, with windows of 0.4 s
        status, longest_pause_s = await _sent_steadily(door, request, 6000)
        if status == 200 or longest_pause_s < 0.12:  # on a busy machine, it is this client that was not steady
            break
    assert status == 200


@pytest.mark.parametrize("limits", [replace(QUICK, body_s=0.5, rate_window_s=0.2, body_bytes_per_s=1)])
async def test_a_body_has_a_last_moment(door: Door) -> None:
    client = await door.connect()
    client.send(post("/predict", PICTURE)[: -len(PICTURE)])
    answer = asyncio.create_task(client.answer())
    for byte in PICTURE:
        if answer.done():
            break
        client.send(bytes([byte]))
        await asyncio.sleep(0.05)
    assert (await answer)[0] == 408


@pytest.mark.parametrize("request_bytes", [GET, post("/predict", PICTURE)], ids=["route", "lane"])
async def test_an_idle_connection_is_closed_after_its_answer(door: Door, request_bytes: bytes) -> None:
    client = await door.connect()
    for _ in range(3):
        client.send(request_bytes)
        assert (await client.answer())[0] == 200
        await asyncio.sleep(0.1)
    assert await client.end() == b""


async def test_a_client_that_reads_no_answers_is_dropped(door: Door) -> None:
    client = await door.connect(receive_buffer=4096)
    client.send(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
    await settled(lambda: len(door.table) == 1)
    await settled(lambda: len(door.table) == 0)
    client.leave()


# Number of connections (D3).


@pytest.mark.parametrize(
    "limits",
    [
        ConnectionLimits(connections=5, connections_per_address=100),
        ConnectionLimits(connections=100, connections_per_address=5),
    ],
    ids=["in all", "per address"],
)
async def test_one_connection_too_many_is_told_so_and_health_still_answers(door: Door) -> None:
    clients = [await door.connect() for _ in range(5)]
    await settled(lambda: len(door.table) == 5)
    for _ in range(3):
        status, body = await door.ask(post("/predict", PICTURE))
        assert (status, code_of(body)) == (503, "too_many_connections")
        assert (await door.ask(GET))[0] == 200
    idle = [await door.connect() for _ in range(SURPLUS_CONNECTIONS + 10)]
    assert (await door.ask(GET))[0] == 200
    assert len(door.table) <= 5 + SURPLUS_CONNECTIONS + 1
    for client in (*clients, *idle):
        client.leave()
    await settled(lambda: len(door.table) == 0)
    assert (await door.ask(post("/predict", PICTURE)))[0] == 200


# Answers before their request has arrived (D10).


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/predict", "image/png", 413),
        ("/datasets?name=pets", "application/zip", 413),
        ("/nothing", "image/png", 404),
        ("/healthz", "image/png", 405),
        ("/jobs", "application/json", 413),
    ],
)
async def test_an_early_answer_closes_after_a_little_more(door: Door, path: str, kind: str, status: int) -> None:
    client = await door.connect()
    head = post(path, b"", kind, Content_Length="300000000")
    client.send(head + bytes(1000))
    found, answer_head, _ = await client.answer()
    assert found == status
    assert b"connection: close" in answer_head
    n_sent = await client.flood(bytes(100_000), 300_000_000)
    assert n_sent < 20_000_000  # most of it still in the buffers of the two sockets
    await settled(lambda: len(door.table) == 0)


async def test_an_early_answer_is_read_by_a_client_that_goes_on_sending(door: Door) -> None:
    client = await door.connect()
    client.send(post("/nothing", bytes(900_000)))
    assert (await client.answer())[0] == 404


# `Host` (D11) and what is no HTTP.


@pytest.mark.parametrize("head", [b"", b"Host: a\r\nHost: b\r\n", b"Host: a\r\nhost: a\r\n"])
@pytest.mark.parametrize("path", ["/predict", ROUTE])
async def test_a_request_has_one_host(door: Door, head: bytes, path: str) -> None:
    request = post(path, PICTURE).replace(b"Host: localhost\r\n", head)
    status, body = await door.ask(request)
    assert (status, code_of(body)) == (400, "host_invalid")


async def test_http_1_0_may_have_no_host_but_not_two(door: Door) -> None:
    assert (await door.ask(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n"))[0] == 200
    assert (await door.ask(b"GET /healthz HTTP/1.0\r\n\r\n"))[0] != 400
    assert (await door.ask(b"GET /healthz HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"))[0] == 400


async def test_what_is_no_http_is_refused_behind_the_answers_that_are_due(door: Door) -> None:
    client = await door.connect()
    client.send(post("/predict", PICTURE) + GET + b"\x16\x03\x01 this is no HTTP\r\n\r\n")
    assert [(await client.answer())[0] for _ in range(3)] == [200, 200, 400]
    assert await client.end() == b""


async def test_a_refusal_is_a_problem_and_is_counted(door: Door) -> None:
    statuses: list[int] = []
    door.table.refused = statuses.append
    client = await door.connect()
    client.send(b"nonsense\r\n\r\n")
    status, head, body = await client.answer()
    assert status == 400
    assert statuses == [400]
    assert json.loads(body)["type"] == "urn:convserve:problem:bad_request"
    for header in (b"content-type: application/problem+json", b"x-content-type-options: nosniff", b"x-request-id: "):
        assert header in head
