"""286 odd requests get the same answer through the fast lane and through the routes.

They are every pair of an odd address or an odd header with a body that may be good or bad.
"""

from collections.abc import AsyncIterator, Callable
from unittest.mock import Mock

import pytest
from fastapi import FastAPI

from model_store import Manifest, ModelStore
from service.fast.lane import LANE, FastLane
from service.settings import ApiSettings
from service.web.connection_limits import CONNECTIONS
from tests.unit.service.apps import app_of
from tests.unit.service.connections import Answer, Connection, form, post
from tests.unit.service.tiny_networks import grey_picture

pytestmark = pytest.mark.anyio

PICTURE = grey_picture(3)
FORM = form(("a.png", PICTURE), ("b.png", grey_picture(5)))
Body = tuple[bytes, str | None]
ADDRESSES = (
    "/predict?top_k=2&model=brightness",
    "/predict?top_k=0",
    "/predict?top_k=1&top_k=2",
    "/predict?top_k=%32",
    "/predict?top_k=2;model=nobody",
    "/predict?model=",
    "/predict/",
    "/%70redict",
    "//predict",
    "/models/Brightness/predict",
    "/models/brightness/versions/01/predict",
    "/models/brightness/aliases/nobody/predict",
    "/v2/models/brightness/infer?top_k=x",
    "http://localhost/predict",
)
BODIES: tuple[Body, ...] = (
    (PICTURE, "image/png"),
    FORM,
    (grey_picture(7, "JPEG"), "application/octet-stream"),
    (FORM[0][:-9], FORM[1]),
    (PICTURE[:-20], "image/jpeg"),
    (b"", "image/png"),
    (b'{"images": []}', "application/json"),
    (PICTURE, None),
    (b"--xyz\r\n\r\n\r\n--xyz--", FORM[1]),
)
Oddity = Callable[[bytes], bytes]


def with_lines(*lines: str) -> Oddity:
    """A request with more headers."""
    more = "".join(f"{line}\r\n" for line in lines).encode()
    return lambda request: request.replace(b"\r\n", b"\r\n" + more, 1)


def instead(old: bytes, new: bytes) -> Oddity:
    """A request with something else in its first line or its headers."""
    return lambda request: request.replace(old, new, 1)


def chunked(request: bytes) -> bytes:
    """The request with its body in chunks of 1,000 bytes."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
    chunks = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    sent = b"".join(b"%x;an=extension\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"\r\n".join([*lines, b"Transfer-Encoding: chunked"]) + b"\r\n\r\n" + sent + b"0\r\nTrailer: x\r\n\r\n"


ODDITIES: tuple[Oddity, ...] = (
    chunked,
    with_lines("Host: localhost"),
    with_lines("Content-Type: text/plain"),
    with_lines("X-Request-ID: not/mine"),
    with_lines("Content-Encoding: gzip"),
    with_lines("Content-Encoding: identity"),
    with_lines("Expect: 100-continue"),
    with_lines("Connection: Upgrade", "Upgrade: h2c"),
    with_lines("Connection: Upgrade, close", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
    with_lines("Connection: close"),
    with_lines("Inference-Header-Content-Length: 10"),
    with_lines("Transfer-Encoding: identity"),
    with_lines("Accept: text/html", "Accept-Encoding: br"),
    with_lines("Cookie: a=1", "Cookie: b=2"),
    with_lines(*(f"X-{number}: 1" for number in range(120))),
    instead(b"Host: localhost\r\n", b""),
    instead(b"Content-Length", b"content-length"),
    instead(b"HTTP/1.1", b"HTTP/1.0"),
    instead(b"POST", b"PATCH"),
    instead(b"Content-Type: ", b"Content-Type:\t"),
)
ODD_REQUESTS = [post(address, *body) for address in ADDRESSES for body in BODIES] + [
    oddity(post("/predict", *body)) for oddity in ODDITIES for body in BODIES[:8]
]


def comparable(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """What does not differ from one moment to the next."""
    own = {name: value for name, value in answer.headers.items() if name not in {"date", "x-request-id"}}
    if "server-timing" in own:
        own["server-timing"] = ",".join(part.split(";")[0] for part in own["server-timing"].split(", "))
    return answer.status, own, answer.body


@pytest.fixture
async def service(
    settings: ApiSettings, store: ModelStore, brightness: Manifest
) -> AsyncIterator[tuple[FastAPI, dict[str, object]]]:
    assert brightness.version == 1
    app = app_of(settings.model_copy(update={"catalog_refresh_s": 60}), store)
    async with app.router.lifespan_context(app) as state:
        assert state is not None
        yield app, dict(state)


async def final_answer(connection: Connection) -> Answer:
    answer = await connection.answer()
    return answer if answer.status != 100 else await connection.answer()


def test_there_are_286_odd_requests() -> None:
    assert len(set(ODD_REQUESTS)) == len(ODD_REQUESTS) == 286


async def test_odd_requests_are_answered_alike_by_the_lane_and_by_the_routes(
    service: tuple[FastAPI, dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, state = service
    lane = state[LANE]
    assert isinstance(lane, FastLane)
    asked = Mock(wraps=lane.ask)
    monkeypatch.setattr(lane, "ask", asked)
    by_routes = {name: found for name, found in state.items() if name != LANE}
    assert CONNECTIONS in by_routes
    different, statuses = [], set()
    for request in ODD_REQUESTS:
        answers = []
        for used in (state, by_routes):
            connection = Connection(app, used)
            connection.send(request)
            answers.append(comparable(await final_answer(connection)))
            connection.leave()
        statuses.add(answers[0][0])
        if answers[0] != answers[1]:
            different.append((request[:200], *answers))
    assert different == []
    assert asked.call_count > 50
    assert statuses >= {200, 400, 404, 405, 415, 422, 431}
    assert app.state.service.capacity._n_inside == 0
