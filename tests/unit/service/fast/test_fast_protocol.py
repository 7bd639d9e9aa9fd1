"""The fast lane at its connections: the answers, headers, refusals and counts of the routes, nothing left behind."""

import json
import logging
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest
from fastapi import FastAPI
from numpy.typing import NDArray

from model_store import Manifest, ModelStore
from service.fast.lane import LANE, Asked, FastLane, Headers, Reply
from service.fast.simple_requests import Call
from service.inference.batch import Answer as BatchAnswer
from service.keys.gate import Gate
from service.keys.route_scopes import RouteScopes
from service.predict.urls import is_prediction
from service.settings import ApiSettings
from service.web.doors import Doors
from tests.event_loop import turns, until
from tests.unit.service.apps import app_of
from tests.unit.service.connections import Answer, Connection, form, post
from tests.unit.service.tiny_networks import SIDE, grey_picture
from worker.pictures.pixels import PictureLimits, decode_pictures

pytestmark = pytest.mark.anyio

PICTURE = grey_picture(3)


def infer(n: int = 2, *, binary: bool = True, identity: str | None = None, spare: bytes = b"", **headers: str) -> bytes:
    """A UINT8 tensor of `n` pictures as a request."""
    pixels = np.arange(n * SIDE * SIDE * 3, dtype=np.uint8).tobytes()
    tensor = {
        "name": "images",
        "datatype": "UINT8",
        "shape": [n, SIDE, SIDE, 3],
        "parameters": {"binary_data_size": len(pixels)},
    }
    asked: dict[str, object] = {
        "inputs": [tensor],
        "outputs": [{"name": "probabilities", "parameters": {"binary_data": binary}}],
    }
    if identity is not None:
        asked["id"] = identity
    head = json.dumps(asked).encode()
    told = {"Inference_Header_Content_Length": str(len(head)), **headers}
    return post("/v2/models/brightness/infer", head + pixels + spare, "application/octet-stream", **told)


GOOD = {
    "a raw picture": post("/predict", PICTURE),
    "bytes": post("/predict", PICTURE, "application/octet-stream"),
    "a form": post("/predict", *form(("a.png", PICTURE))),
    "several in a form": post("/predict", *form(*((f"{n}.png", grey_picture(n)) for n in range(8)))),
    "a name that is not simple": post("/predict", *form(('../b/ä "c".png', PICTURE))),
    "no name": post("/predict", *form(("", PICTURE))),
    "bytes behind the form": post("/predict", *form(("a.png", PICTURE), end=b"--xyz--\r\nepilogue")),
    "a JPEG": post("/predict", grey_picture(7, "JPEG"), "image/jpeg"),
    "few classes": post("/predict?top_k=2&model=brightness", PICTURE),
    "a version": post("/models/brightness/versions/1/predict", PICTURE),
    "a tensor": infer(),
    "a tensor with an id": infer(identity="mine"),
    "a tensor of many": infer(40),
    "a tensor of a version": infer().replace(b"/brightness/", b"/brightness/versions/1/"),
}
LEFT_TO_THE_ROUTES = {
    "no picture": post("/predict", b"this is no picture"),
    "a cut picture": post("/predict", PICTURE[:-30]),
    "an empty body": post("/predict", b""),
    "no type": post("/predict", PICTURE, None),
    "a wrong type": post("/predict", PICTURE, "text/plain"),
    "an encoding": post("/predict", PICTURE, Content_Encoding="gzip"),
    "JSON": post("/predict", b'{"images": []}', "application/json"),
    "an unknown model": post("/models/nobody/predict", PICTURE),
    "an unknown version": post("/models/brightness/versions/7/predict", PICTURE),
    "a wrong query": post("/predict?top_k=0", PICTURE),
    "two types": post("/predict", PICTURE, content_type="image/png").replace(
        b"Host: localhost", b"Host: localhost\r\nContent-Type: text/plain"
    ),
    "another field": post("/predict", *form(("a.png", PICTURE), field="picture")),
    "an unfinished form": post("/predict", *form(("a.png", PICTURE), end=b"")),
    "no form": post("/predict", b"--abc", "multipart/form-data; boundary=xyz"),
    "an empty form": post("/predict", *form()),
    "too many files": post("/predict", *form(*[("a.png", PICTURE)] * 9)),
    "a bad one among good ones": post("/predict", *form(("a.png", PICTURE), ("b.png", b"none"))),
    "a large file": post("/predict", b"\x89PNG\r\n\x1a\n" + bytes(60_000)),
    "a large body": post("/predict", bytes(300_000)),
    "another path": post("/nothing", PICTURE),
    "a tensor as JSON": infer(binary=False),
    "a tensor for an unknown model": infer().replace(b"/brightness/", b"/nobody/"),
    "a tensor with bytes behind it": infer(spare=b"more"),
    "a tensor with a wrong length": infer(Inference_Header_Content_Length="999999"),
    "a tensor to be compressed": infer(Accept_Encoding="gzip"),
    "no tensor at all": infer(0),
}


def comparable(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    own = {name: value for name, value in answer.headers.items() if name != "date"}
    if "server-timing" in own:
        own["server-timing"] = ",".join(part.split(";")[0] for part in own["server-timing"].split(", "))
    return answer.status, own, answer.body


class WatchedLane(FastLane):
    """Counts what it is asked, and what it answers."""

    n_asked = 0
    n_answered = 0

    def ask(self, call: Call, headers: Headers, body: bytes) -> Asked:
        self.n_asked += 1
        asked = super().ask(call, headers, body)

        def finish(answer: BatchAnswer) -> Reply:
            reply = asked.finish(answer)
            self.n_answered += 1
            return reply

        return asked._replace(finish=finish)


class Service:
    """A process that runs, and its lane."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.lane = WatchedLane(app.state.service, Doors([], []), Gate(RouteScopes([]), is_prediction))

    def connect(self, *, with_lane: bool = True) -> Connection:
        return Connection(self.app, {LANE: self.lane} if with_lane else {})

    async def ask(self, request: bytes, *, with_lane: bool = True) -> Answer:
        connection = self.connect(with_lane=with_lane)
        connection.send(request)
        answer = await connection.answer()
        connection.leave()
        return answer

    @property
    def n_inside(self) -> int:
        return self.lane.capacity._n_inside


@pytest.fixture
async def service(settings: ApiSettings, store: ModelStore, brightness: Manifest) -> AsyncIterator[Service]:
    assert brightness.version == 1
    app = app_of(settings.model_copy(update={"catalog_refresh_s": 60, "max_predictions": 4}), store)
    async with app.router.lifespan_context(app) as state:
        assert state is not None
        assert isinstance(state[LANE], FastLane)
        yield Service(app)


@pytest.mark.parametrize("request_bytes", GOOD.values(), ids=GOOD)
async def test_the_lane_answers_as_the_routes_do(service: Service, request_bytes: bytes) -> None:
    request = request_bytes.replace(b"Host: localhost", b"Host: localhost\r\nX-Request-ID: mine")
    by_routes = await service.ask(request, with_lane=False)
    by_lane = await service.ask(request)
    assert by_lane.status == 200
    assert comparable(by_lane) == comparable(by_routes)
    assert service.lane.n_answered == 1
    assert service.n_inside == 0


@pytest.mark.parametrize("request_bytes", LEFT_TO_THE_ROUTES.values(), ids=LEFT_TO_THE_ROUTES)
async def test_requests_that_are_not_simple_are_answered_by_the_routes(service: Service, request_bytes: bytes) -> None:
    request = request_bytes.replace(b"Host: localhost", b"Host: localhost\r\nX-Request-ID: mine")
    by_routes = await service.ask(request, with_lane=False)
    by_lane = await service.ask(request)
    assert comparable(by_lane) == comparable(by_routes)
    assert service.lane.n_answered == 0
    assert service.n_inside == 0


async def test_a_chunked_body_is_answered_by_the_routes(service: Service) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(PICTURE), PICTURE)
    assert (await service.ask(head + body)).status == 200
    assert service.lane.n_asked == 0


@pytest.mark.parametrize("name", ["several in a form", "a tensor of many", "a bad one among good ones"])
@pytest.mark.parametrize("step", [1, 97])
async def test_bytes_may_come_in_any_pieces(service: Service, name: str, step: int) -> None:
    request = (GOOD | LEFT_TO_THE_ROUTES)[name]
    expected = await service.ask(request, with_lane=False)
    connection = service.connect()
    for at in range(0, len(request), step):
        connection.send(request[at : at + step])
    assert (await connection.answer()).body == expected.body
    assert service.lane.capacity._held_bytes == 0


async def test_answers_keep_the_order_of_pipelined_requests(service: Service) -> None:
    requests = [GOOD["a raw picture"], LEFT_TO_THE_ROUTES["no picture"], GOOD["a tensor"], GOOD["a JPEG"]] * 3
    expected = [(await service.ask(request, with_lane=False)).body for request in requests]
    connection = service.connect()
    connection.send(b"".join(requests))
    assert [(await connection.answer()).body for _ in requests] == expected
    assert service.lane.n_answered == 1  # the others waited in uvicorn's queue
    assert service.n_inside == 0


async def test_requests_of_many_connections_share_batches_and_get_their_own_answers(service: Service) -> None:
    connections = [service.connect() for _ in range(4)]
    for _ in range(3):
        for tenth, connection in enumerate(connections):
            connection.send(post("/predict", grey_picture(tenth)))
        for tenth, connection in enumerate(connections):
            assert json.loads((await connection.answer()).body)["predictions"][0]["class_index"] == tenth
    assert service.lane.n_answered == 12


async def test_a_client_that_leaves_while_waiting_is_no_longer_counted(service: Service) -> None:
    connection = service.connect()
    connection.send(GOOD["a raw picture"])
    assert service.n_inside == 1
    connection.leave()
    await until(lambda: service.n_inside == 0)
    await turns()
    assert service.lane.n_answered == 0
    assert b'status="499"' in service.lane.metrics.page([], None)


async def test_pictures_of_a_client_that_left_are_not_decoded(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []

    def counted(files: Sequence[bytes], shape: tuple[int, int, int], limits: PictureLimits) -> NDArray[np.uint8]:
        decoded.append(len(files))
        return decode_pictures(files, shape, limits)

    monkeypatch.setattr("service.fast.lane.decode_pictures", counted)
    leaving, staying = service.connect(), service.connect()
    leaving.send(GOOD["several in a form"])
    staying.send(GOOD["a raw picture"])
    leaving.leave()
    assert (await staying.answer()).status == 200
    await turns()
    assert decoded == [1]


async def test_a_body_in_pieces_is_held_until_its_answer(service: Service) -> None:
    connection = service.connect()
    request = GOOD["several in a form"]
    connection.send(request[:300])
    connection.send(request[300:])
    held = service.lane.capacity._held_bytes
    assert 0 < held <= len(request)
    assert (await connection.answer()).status == 200
    assert service.lane.capacity._held_bytes == 0


async def test_a_client_that_leaves_during_its_body_leaves_nothing_behind(service: Service) -> None:
    connection = service.connect()
    connection.send(GOOD["several in a form"][:300])
    connection.send(GOOD["several in a form"][300:400])
    connection.leave()
    await until(lambda: service.n_inside == 0)
    await turns()
    assert (service.n_inside, service.lane.capacity._held_bytes) == (0, 0)
    assert b'status="400"' in service.lane.metrics.page([], None)


async def test_no_more_are_admitted_than_there_are_slots(service: Service) -> None:
    connections = [service.connect() for _ in range(6)]
    for connection in connections:
        connection.send(GOOD["a raw picture"])
    answers = [await connection.answer() for connection in connections]
    assert sorted(answer.status for answer in answers) == [200] * 4 + [429] * 2
    assert all(json.loads(answer.body)["code"] == "overloaded" for answer in answers if answer.status == 429)
    assert service.n_inside == 0


async def test_a_model_that_was_unloaded_is_not_asked(service: Service) -> None:
    service.app.state.service.engine.unload("brightness")
    answer = await service.ask(GOOD["a raw picture"])
    assert (answer.status, json.loads(answer.body)["code"]) == (503, "model_unloaded")


async def test_a_connection_that_asks_to_close_closes_after_its_answer(service: Service) -> None:
    connection = service.connect()
    connection.send(post("/predict", PICTURE, Connection="close"))
    answer = await connection.answer()
    assert (answer.status, answer.headers["connection"], connection.is_closed) == (200, "close", True)
    stopping = service.connect()
    stopping.send(GOOD["a raw picture"])
    stopping.protocol.shutdown()
    answer = await stopping.answer()
    assert (answer.status, answer.headers["connection"], stopping.is_closed) == (200, "close", True)


async def test_an_answer_is_counted_and_logged_like_every_other(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answer = await service.ask(
        GOOD["a version"].replace(b"Host: localhost", b"Host: localhost\r\nX-Request-ID: not/mine")
    )
    (line,) = [found for found in caplog.records if found.name == "service.access"]
    fields = {**vars(line)["fields"], "duration_ms": 0}
    path = "/models/brightness/versions/1/predict"
    assert fields == {"method": "POST", "path": path, "status": 200, "duration_ms": 0}
    assert line.getMessage().endswith(f"(request {answer.headers['x-request-id']})")
    page = service.lane.metrics.page([], None).decode()
    counted = 'method="POST",route="/models/{name}/versions/{version}/predict",status="200"} 1.0'
    assert f"convserve_http_requests_total{{{counted}" in page
    assert 'convserve_prediction_decode_seconds_count{model="brightness"} 1.0' in page
    assert 'convserve_pictures_answered_total{model="brightness"} 1.0' in page
