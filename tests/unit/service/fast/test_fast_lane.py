"""Which calls are simple, and that the fast way gives the answers of the routes."""

import asyncio
import json

import httpx
import pytest
from fastapi import FastAPI

from model_store import ModelStore
from service.fast.simple_requests import simple_call
from service.predict.answers import Prediction
from service.settings import ApiSettings
from tests.unit.service.apps import app_of
from tests.unit.service.tiny_networks import encode, grey_picture, publish

pytestmark = pytest.mark.anyio

PNG = {"Content-Type": "image/png"}


@pytest.mark.parametrize(
    ("path", "query", "model", "version", "alias", "top_k"),
    [
        ("/predict", "", None, None, None, 5),
        ("/predict", "model=shirts&top_k=3", "shirts", None, None, 3),
        ("/models/shirts/predict", "top_k=1", "shirts", None, None, 1),
        ("/models/shirts/versions/12/predict", "", "shirts", 12, None, 5),
        ("/models/shirts/aliases/champion/predict", "", "shirts", None, "champion", 5),
    ],
)
def test_simple_calls_are_understood(
    path: str, query: str, model: str | None, version: int | None, alias: str | None, top_k: int
) -> None:
    call = simple_call(f"{path}?{query}".encode())
    assert call is not None
    assert (call.reference.model, call.reference.version, call.reference.alias) == (model, version, alias)
    assert call.top_k == top_k


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/predict/", ""),
        ("/models/Shirts/predict", ""),
        ("/models/shirts/versions/0/predict", ""),
        ("/models/shirts/versions/1.0/predict", ""),
        ("/models/shirts/x/predict", ""),
        ("/predict", "top_k=0"),
        ("/predict", "top_k=-1"),
        ("/predict", "top_k=a"),
        ("/predict", "top_k="),
        ("/predict", "top_k=1&top_k=2"),
        ("/predict", "model=Shirts"),
        ("/predict", "unknown=1"),
        ("/models/shirts/predict", "model=trousers"),
    ],
)
def test_calls_that_are_not_simple_are_left_to_the_routes(path: str, query: str) -> None:
    assert simple_call(f"{path}?{query}".encode()) is None


async def test_both_ways_give_the_same_answer(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, classes=tuple(f'class "{n}" é' for n in range(10)))
    files = [("file", ("a.png", grey_picture(3))), ("file", ('ä"\\.png', b"none")), ("file", ("", grey_picture(9)))]
    short = await api.post("/predict", files=files)
    long = await api.post("/predict?top_k=5&top_k=5", files=files)  # too unusual for the lane
    assert short.status_code == long.status_code == 200
    assert short.json() == long.json()
    assert short.headers["content-type"] == long.headers["content-type"] == "application/json"
    assert Prediction.model_validate_json(short.content).model_dump() == short.json()


async def test_an_answer_says_who_asked_and_how_long_it_took(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store)
    answer = await api.post("/predict", content=grey_picture(1), headers=PNG | {"X-Request-ID": "mine"})
    assert answer.headers["X-Request-ID"] == "mine"
    stages = [part.split(";")[0] for part in answer.headers["Server-Timing"].split(", ")]
    assert stages == ["decode", "queue", "compute"]


async def test_answers_at_once_equal_answers_one_by_one(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store)
    pictures = [grey_picture(tenth, kind) for tenth in range(10) for kind in ("PNG", "JPEG", "BMP")]
    one_by_one = [(await api.post("/predict", content=picture, headers=PNG)).json() for picture in pictures]
    at_once = await asyncio.gather(*(api.post("/predict", content=picture, headers=PNG) for picture in pictures))
    for alone, together in zip(one_by_one, at_once, strict=True):
        assert together.json()["predictions"][0]["label"] == alone["predictions"][0]["label"]
        assert together.json()["predictions"][0]["probability"] == pytest.approx(
            alone["predictions"][0]["probability"], abs=1e-6
        )


async def test_the_newest_version_is_in_memory_before_the_process_is_ready(
    settings: ApiSettings, store: ModelStore
) -> None:
    for name in ("alpha", "beta", "gamma"):
        publish(store, name)
    app = app_of(settings.model_copy(update={"pinned_models": "alpha, nobody, beta/1"}), store)
    async with app.router.lifespan_context(app):
        loaded = {entry.model for entry in app.state.service.engine.loaded()}
    assert loaded >= {"alpha", "beta"}


async def test_a_small_file_with_many_pixels_does_not_hold_up_the_loop(app: FastAPI, store: ModelStore) -> None:
    from PIL import Image  # noqa: PLC0415

    from service.predict.decoding import INLINE_AREA  # noqa: PLC0415
    from worker.pictures.headers import picture_area  # noqa: PLC0415

    for kind, side in (("PNG", 2000), ("JPEG", 1000), ("BMP", 30)):
        picture = encode(Image.new("L", (side, side)), kind)
        assert picture_area(picture) == side * side
        assert (picture_area(picture) > INLINE_AREA) == (side > 128)
    assert picture_area(json.dumps({}).encode()) == 0
