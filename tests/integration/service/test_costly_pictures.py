"""Pictures that cost far more than they weigh do not take the service away from others, whichever door they come by."""

import asyncio
import base64
import io
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model_store import ModelStore
from service.app import create_app
from service.settings import ApiSettings
from service.web.connection_deadlines import ConnectionLimits
from service.web.connection_table import ConnectionTable
from tests.archives import huge_webp
from tests.integration.service.doors import Client, Door, code_of, listening, settled
from tests.unit.service.connections import form, post
from tests.unit.service.tiny_networks import grey_picture, publish
from worker.pictures.pixels import PictureLimits, decode_picture

pytestmark = pytest.mark.anyio

HUGE = huge_webp(2000, 2000)
Serving = Callable[..., AbstractAsyncContextManager[Door]]


def photo() -> bytes:
    pixels = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((640, 480)).save(buffer, "JPEG", quality=40)
    return buffer.getvalue()


def in_json(kind: str, data: bytes, n: int) -> bytes:
    return json.dumps({kind: [{"b64": base64.b64encode(data).decode()}] * n}).encode()


def doors_with(data: bytes, n: int = 2) -> dict[str, bytes]:
    """The same pictures, on every way into the service."""
    files, content_type = form(*(("a", data) for _ in range(n)))
    return {
        "fast lane": post("/predict", files, content_type),
        "route": post("/models/brightness/predict?top_k=5&top_k=5", files, content_type),
        "JSON": post("/predict", in_json("images", data, n), "application/json"),
        "TensorFlow Serving": post("/v1/models/brightness:predict", in_json("instances", data, n), "application/json"),
    }


class Gate:
    """Decoding of huge pictures begins, is counted, and goes on when it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = threading.Event()
        self.n_begun = 0
        monkeypatch.setattr("service.predict.decoding.decode_picture", self._decode)

    def _decode(self, data: bytes, shape: tuple[int, int, int], limits: PictureLimits) -> NDArray[np.uint8]:
        if data == HUGE:
            self.n_begun += 1
            assert self.opened.wait(60)
        return decode_picture(data, shape, limits)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate(monkeypatch)
    yield gate
    gate.opened.set()


@pytest.fixture
def serving(settings: ApiSettings, store: ModelStore) -> Serving:
    @asynccontextmanager
    async def serve(**limits: float) -> AsyncIterator[Door]:
        publish(store)
        app = create_app(settings.model_copy(update=limits), store)
        async with listening(app, ConnectionTable(ConnectionLimits())) as door:
            yield door

    return serve


async def send(door: Door, request: bytes) -> Client:
    client = await door.connect()
    client.send(request)
    return client


async def test_a_photo_is_answered_beside_huge_pictures_whose_clients_leave(serving: Serving, gate: Gate) -> None:
    files, content_type = form(*((f"{n}.webp", HUGE) for n in range(8)))
    async with serving(decode_threads=1) as door:
        attackers = [await send(door, post("/predict", files, content_type)) for _ in range(5)]
        await settled(lambda: gate.n_begun == 1)
        for picture, kind in ((photo(), "image/jpeg"), (grey_picture(3), "image/png")):
            assert (await door.ask(post("/predict", picture, kind)))[0] == 200
        for attacker in attackers:
            attacker.leave()
        assert (await door.ask(post("/predict", photo(), "image/jpeg")))[0] == 200
        gate.opened.set()
        await settled(lambda: len(door.table) == 0)
        assert (await door.ask(post("/predict", HUGE, "image/webp")))[0] == 200
    assert gate.n_begun == 2  # of 40 pictures of the attackers, the one that was under way


@pytest.mark.parametrize("way", doors_with(HUGE))
async def test_what_would_take_too_long_beside_others_is_told_when_to_come_back(
    serving: Serving, gate: Gate, way: str
) -> None:
    async with serving(decode_queue_s=0.05) as door:
        first = await send(door, doors_with(HUGE)["route"])
        await settled(lambda: gate.n_begun == 2)
        second = await send(door, doors_with(HUGE)[way])
        status, head, _ = await second.answer()
        assert (status, b"retry-after: 1" in head) == (429, True)
        assert (await door.ask(doors_with(photo())[way]))[0] == 200
        gate.opened.set()
        assert (await first.answer())[0] == 200
        assert (await door.ask(doors_with(HUGE)[way]))[0] == 200


@pytest.mark.parametrize("way", doors_with(HUGE))
async def test_the_pixels_of_one_request_are_bounded(serving: Serving, gate: Gate, way: str) -> None:
    async with serving(max_request_pixels=7_999_999) as door:
        status, body = await door.ask(doors_with(HUGE)[way])
        assert status == 413
        assert b"too many pixels together" in body
        assert gate.n_begun == 0
        assert (await door.ask(doors_with(photo())[way]))[0] == 200
        gate.opened.set()
        assert (await door.ask(doors_with(HUGE, 1)[way]))[0] == 200


async def test_a_picture_that_takes_too_much_memory_is_refused_and_its_neighbours_are_not(serving: Serving) -> None:
    files, content_type = form(("huge", HUGE), ("photo", photo()))
    async with serving(max_picture_memory_bytes=50_000_000) as door:
        status, body = await door.ask(post("/predict", HUGE, "image/webp"))
        assert (status, code_of(body)) == (413, "picture_too_large")
        status, body = await door.ask(post("/predict", files, content_type))
        huge, ordinary = json.loads(body)["predictions"]
        assert (status, huge["error"]["code"]) == (200, "picture_too_large")
        assert "label" in ordinary


async def test_bodies_are_held_until_their_pictures_are_answered(serving: Serving, gate: Gate) -> None:
    padding = bytes(40_000)
    files, content_type = form(("huge", HUGE), ("none", padding))
    held = post("/predict", files, content_type)
    async with serving(held_body_bytes=80_000) as door:
        first = [await send(door, held) for _ in range(2)]
        await settled(lambda: gate.n_begun == 2)
        third = await door.connect()
        third.send(held[:30_000])
        await asyncio.sleep(0.1)
        third.send(held[30_000:35_000])
        status, head, _ = await third.answer()
        assert (status, b"retry-after" in head) == (429, True)
        assert (await door.ask(post("/predict", grey_picture(3))))[0] == 200
        gate.opened.set()
        for client in first:
            assert (await client.answer())[0] == 200
        assert (await door.ask(held))[0] == 200
