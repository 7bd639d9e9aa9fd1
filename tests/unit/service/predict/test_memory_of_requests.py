"""After its answer a request is gone: nothing waits for the garbage collector, which runs rarely in this process."""

import asyncio
import base64
import gc
import json
import random
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from model_store import Manifest
from tests.unit.service.connections import Connection, form, post
from tests.unit.service.tiny_networks import grey_picture

pytestmark = pytest.mark.anyio

LARGE = 10_000
DAMAGED = b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(4 * LARGE)


def in_json(kind: str) -> bytes:
    encoded = [{"b64": base64.b64encode(DAMAGED).decode()}]
    return json.dumps({kind: encoded}).encode()


SMALL_DAMAGED = grey_picture(3)[:40] + random.Random(2).randbytes(2 * LARGE)
CASES = {
    "small": ("/predict", SMALL_DAMAGED, "image/png"),
    "small form": ("/predict", *form(("a.png", SMALL_DAMAGED), ("b.png", grey_picture(3)))),
    "form": ("/predict", *form(("a.png", DAMAGED), ("b.png", grey_picture(3)), ("c.png", DAMAGED))),
    "form of the routes": ("/predict?top_k=5&top_k=5", *form(("a.png", DAMAGED), ("b.png", grey_picture(3)))),
    "raw": ("/predict", DAMAGED, "image/png"),
    "raw of the routes": ("/predict?top_k=5&top_k=5", DAMAGED, "image/png"),
    "too large": ("/predict?top_k=5&top_k=5", DAMAGED + bytes(20_000), "image/png"),
    "unfinished form": ("/predict", *form(("a.png", DAMAGED), end=b"")),
    "other field": ("/predict", *form(("a.png", DAMAGED), field="picture")),
    "JSON": ("/predict", in_json("images"), "application/json"),
    "no call": (
        "/v1/models/brightness:predict",
        json.dumps({"instances": "x" * 4 * LARGE}).encode(),
        "application/json",
    ),
    "no pictures": ("/predict", b'{"images": "%s"}' % (b"x" * 4 * LARGE), "application/json"),
    "TensorFlow Serving": ("/v1/models/brightness:predict", in_json("instances"), "application/json"),
}


@pytest.fixture
def all_garbage() -> Iterator[list[object]]:
    """What only the collector finds, while it does not run by itself."""
    gc.collect()
    gc.freeze()  # as `tests/conftest.py` does with all that the session has imported
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.garbage.clear()
    yield gc.garbage
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


@pytest.mark.parametrize("case", CASES)
async def test_no_cycle_keeps_a_body(app: FastAPI, brightness: Manifest, case: str, all_garbage: list[object]) -> None:
    async with app.router.lifespan_context(app) as state:
        gc.collect()
        all_garbage.clear()
        connection = Connection(app, dict(state or {}))
        path, body, content_type = CASES[case]
        connection.send(post(path, body, content_type))
        await connection.answer()
        connection.leave()
        del connection
        for _ in range(20):
            await asyncio.sleep(0)
        gc.collect()
        referents = gc.get_referents(*all_garbage)
    kept = [len(data) for data in referents if isinstance(data, (bytes, bytearray, str)) and len(data) > LARGE]
    assert kept == []
