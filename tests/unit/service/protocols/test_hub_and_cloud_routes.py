"""Hugging Face's, SageMaker's and Vertex AI's ways to ask a model, through the application."""

import base64
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model_store import ModelStore
from service.settings import ApiSettings
from tests.unit.service.apps import app_of
from tests.unit.service.tiny_networks import CLASSES, publish

pytestmark = pytest.mark.anyio

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def png(image: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def picture(pixels: NDArray[np.uint8]) -> bytes:
    return png(pixels[0])


@pytest.fixture
async def ours(served: httpx.AsyncClient, picture: bytes) -> dict[str, float]:
    """Probabilities by class, as `POST /predict` tells them."""
    answer = await served.post("/predict", params={"top_k": len(CLASSES)}, files={"file": picture})
    return {line["label"]: line["probability"] for line in answer.json()["predictions"][0]["top_k"]}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("path", ["/models/brightness", "/models/brightness/versions/1", "/", "/predict"])
async def test_a_picture_in_json_is_answered_as_the_hub_s_client_expects(
    served: httpx.AsyncClient, picture: bytes, ours: dict[str, float], path: str
) -> None:
    body = {"inputs": b64(picture), "parameters": {"top_k": 3, "function_to_apply": None}}
    answer = await served.post(path, json=body)
    assert answer.status_code == 200
    assert answer.json() == [{"label": label, "score": score} for label, score in list(ours.items())[:3]]


@pytest.mark.parametrize("headers", [{}, FORM, {"Content-Type": "image/png"}, {"Content-Type": "application/x-image"}])
async def test_bytes_need_no_content_type(
    served: httpx.AsyncClient, picture: bytes, ours: dict[str, float], headers: dict[str, str]
) -> None:
    for path in ("/models/brightness", "/models/brightness@champion", "/"):
        answer = await served.post(path, content=picture, headers=headers)
        assert {line["label"]: line["score"] for line in answer.json()} == dict(list(ours.items())[:5])
    answer = await served.post("/invocations", content=picture, headers=headers)
    assert answer.json()["predictions"][0]["top_k"][0]["probability"] == max(ours.values())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"inputs": "***"}, "does not hold a picture"),
        ({"inputs": [1]}, "inputs"),
        ({"inputs": "aaaa", "parameters": {"top_k": 0}}, "top_k"),
        ({"inputs": "aaaa", "parameters": {"function_to_apply": "sigmoid"}}, "expected 'softmax'"),
        ({"text": "x"}, "expected an object with one of"),
    ],
)
async def test_what_cannot_be_answered_is_refused_with_words(
    served: httpx.AsyncClient, body: dict[str, Any], words: str
) -> None:
    answer = await served.post("/models/brightness", json=body)
    assert answer.status_code == 400
    assert words in answer.json()["detail"]


async def test_nothing_and_rubbish_are_refused(served: httpx.AsyncClient) -> None:
    for path in ("/models/brightness", "/invocations"):
        assert (await served.post(path, content=b"")).status_code == 422
        assert (await served.post(path, content=b"a,b,c", headers={"Content-Type": "text/csv"})).status_code == 415
        assert (await served.post(path, content=b"x" * 200_001)).status_code == 413
    assert (await served.post("/models/nobody", content=b"\x89PNG\r\n\x1a\n")).status_code == 404


async def test_sagemaker_pings_and_invokes(served: httpx.AsyncClient, picture: bytes, ours: dict[str, float]) -> None:
    ping = await served.get("/ping")
    assert (ping.status_code, ping.content) == (200, b"")
    several = await served.post("/invocations", json={"images": [{"b64": b64(picture)}, {"b64": b64(picture)}]})
    assert len(several.json()["predictions"]) == 2
    headers = {
        "X-Amzn-SageMaker-Target-Model": "brightness/1",
        "X-Amzn-SageMaker-Custom-Attributes": "top_k=2",
        "Content-Type": "application/x-image",
    }
    answer = await served.post("/invocations", content=picture, headers=headers)
    assert [line["label"] for line in answer.json()["predictions"][0]["top_k"]] == list(ours)[:2]
    rows = await served.post("/invocations", json={"instances": [{"b64": b64(picture)}]})
    assert dict(zip(CLASSES, rows.json()["predictions"][0], strict=True)) == ours
    for name, value in (("Target-Model", "../x"), ("Custom-Attributes", "top_k=none")):
        refused = await served.post("/invocations", content=picture, headers={f"X-Amzn-SageMaker-{name}": value})
        assert refused.status_code == 400


async def test_instances_are_pixels_or_files_and_parameters_ask_for_names(
    served: httpx.AsyncClient, pixels: NDArray[np.uint8], picture: bytes, ours: dict[str, float]
) -> None:
    scaled = (pixels[0].astype(np.float32) / np.float32(255)).tolist()
    for instance in (scaled, {"b64": b64(picture)}, {"content": b64(picture)}, {"image_bytes": {"b64": b64(picture)}}):
        answer = (await served.post("/vertex/predict", json={"instances": [instance]})).json()
        assert dict(zip(CLASSES, answer["predictions"][0], strict=True)) == pytest.approx(ours, abs=1e-5)
    body = {"instances": [{"content": b64(picture)}], "parameters": {"maxPredictions": 2, "confidenceThreshold": 0.0}}
    (found,) = (await served.post("/vertex/predict", json=body)).json()["predictions"]
    assert dict(zip(found["displayNames"], found["confidences"], strict=True)) == dict(list(ours.items())[:2])
    assert [CLASSES[int(index)] for index in found["ids"]] == found["displayNames"]
    refused = await served.post("/vertex/predict", json={**body, "parameters": {"confidenceThreshold": 2}})
    assert (refused.status_code, refused.json()["code"]) == (400, "call_invalid")


@pytest.fixture
async def on_vertex(
    tmp_path: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    """A process with the variables that Vertex AI sets, which serves one version whatever is published later."""
    monkeypatch.setenv("AIP_HTTP_PORT", "8181")
    monkeypatch.setenv("CONVSERVE_PORT", "8000")
    monkeypatch.setenv("AIP_HEALTH_ROUTE", "/v1/endpoints/7/deployedModels/9")
    monkeypatch.setenv("AIP_PREDICT_ROUTE", "/v1/endpoints/7/deployedModels/9:predict")
    monkeypatch.setenv("CONVSERVE_SERVED_MODEL", "brightness/1")
    settings = ApiSettings(data_dir=tmp_path, redis_url=f"unix://{tmp_path}/nobody-listens.sock")
    assert settings.port == 8181
    app = app_of(settings, store)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        yield client


async def test_vertex_chooses_its_own_addresses(
    on_vertex: httpx.AsyncClient, store: ModelStore, picture: bytes
) -> None:
    publish(store)
    publish(store)
    address = "/v1/endpoints/7/deployedModels/9"
    assert (await on_vertex.get(address)).status_code == 200
    answer = (await on_vertex.post(f"{address}:predict", json={"instances": [{"b64": b64(picture)}]})).json()
    assert answer["version"] == "1"
    assert len(answer["predictions"]) == 1


async def test_the_page_is_open_without_a_key_but_asking_a_model_at_its_address_is_not(
    tmp_path: Path, store: ModelStore, picture: bytes
) -> None:
    publish(store)
    settings = ApiSettings(data_dir=tmp_path, redis_url=f"unix://{tmp_path}/nobody-listens.sock", admin_key="k" * 20)
    app = app_of(settings, store)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/ping")).status_code == 200
        for path in ("/", "/invocations", "/vertex/predict", "/models/brightness"):
            assert (await client.post(path, content=picture)).status_code == 401
            answer = await client.post(path, content=picture, headers={"Authorization": "Bearer " + "k" * 20})
            assert answer.status_code == 200
