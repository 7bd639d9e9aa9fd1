"""The model repository extension: what is on disk, unload, load, and what goes on meanwhile."""

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest

from model_store import ModelStore
from tests.event_loop import turns
from tests.unit.service.protocols.conftest import error_of
from tests.unit.service.tiny_networks import grey_picture, publish

pytestmark = pytest.mark.anyio

INFER = "/v2/models/brightness/infer"
LOAD = "/v2/repository/models/brightness/load"
UNLOAD = "/v2/repository/models/brightness/unload"
PICTURE = {"file": ("x.png", grey_picture(4))}


async def index(api: httpx.AsyncClient, **body: object) -> dict[tuple[str, str], str]:
    response = await api.post("/v2/repository/index", json=body)
    assert response.status_code == 200
    return {(line["name"], line["version"]): line["state"] for line in response.json()}


async def test_the_index_lists_every_version_on_disk(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, "alpha")
    publish(store, "alpha", files={"history.json": b"{}"})
    publish(store, "beta")
    assert (await api.get("/v2/models/alpha/versions/2/ready")).status_code == 503
    response = await api.post("/v2/repository/index")
    assert response.json() == [
        {"name": "alpha", "version": "1", "state": "READY", "reason": ""},
        {"name": "alpha", "version": "2", "state": "UNAVAILABLE", "reason": "model.onnx is damaged"},
        {"name": "beta", "version": "1", "state": "READY", "reason": ""},
    ]
    assert await index(api, ready=True) == {("alpha", "1"): "READY", ("beta", "1"): "READY"}


async def test_an_unloaded_model_is_gone_from_every_door_until_it_is_loaded(
    served: httpx.AsyncClient, infer_body: dict[str, Any], store: ModelStore
) -> None:
    publish(store, "other")
    before = (await served.post(INFER, json=infer_body)).json()["outputs"]
    assert (await served.post(UNLOAD, json={"parameters": {"unload_dependents": True}})).json() == {}
    for method, path in (
        ("GET", "/v2/models/brightness"),
        ("GET", "/v2/models/brightness/ready"),
        ("GET", "/v2/models/brightness/versions/1/ready"),
        ("POST", INFER),
        ("POST", "/v1/models/brightness:predict"),
        ("POST", "/v1/models/brightness/labels/champion:classify"),
        ("GET", "/v1/models/brightness/metadata"),
    ):
        response = await served.request(method, path)
        assert response.status_code == 404, path
        assert "unloaded" in error_of(response)
    own = await served.post("/models/brightness/predict", files=PICTURE)
    assert (own.status_code, own.json()["code"]) == (503, "model_unloaded")
    status = (await served.get("/v1/models/brightness")).json()["model_version_status"]
    assert [(line["version"], line["state"]) for line in status] == [("1", "END")]
    assert (await served.get("/v2/health/ready")).status_code == 200
    assert (await served.get("/v2/models/other/ready")).status_code == 200
    assert await index(served) == {("brightness", "1"): "UNAVAILABLE", ("other", "1"): "READY"}
    assert await index(served, ready=True) == {("other", "1"): "READY"}

    assert (await served.post(LOAD)).json() == {}
    assert (await served.post(INFER, json=infer_body)).json()["outputs"] == before
    assert (await served.post("/models/brightness/predict", files=PICTURE)).status_code == 200
    assert await index(served, ready=True) == {("brightness", "1"): "READY", ("other", "1"): "READY"}


async def test_loading_and_unloading_may_be_repeated(served: httpx.AsyncClient) -> None:
    for path in (LOAD, LOAD, UNLOAD, UNLOAD, LOAD):
        for body in (b"", b"{}", b'{"parameters": {}}'):
            response = await served.post(path, content=body)
            assert (response.status_code, response.json()) == (200, {})


async def test_a_model_published_a_moment_ago_can_be_loaded(api: httpx.AsyncClient, store: ModelStore) -> None:
    for _ in range(3):  # more than the process keeps in memory
        publish(store, "fresh")
    assert (await api.post("/v2/repository/models/fresh/load")).status_code == 200
    assert (await api.get("/v2/models/fresh")).json()["versions"] == ["1", "2", "3"]


async def test_a_model_that_is_deleted_and_published_again_is_not_unloaded(
    served: httpx.AsyncClient, store: ModelStore
) -> None:
    await served.post(UNLOAD)
    await served.delete("/models/brightness/aliases/champion")
    assert (await served.delete("/models/brightness")).status_code == 200
    publish(store)
    assert (await served.get("/v2/models/brightness/ready")).status_code == 200


async def test_a_damaged_version_does_not_keep_the_others_from_loading(
    api: httpx.AsyncClient, store: ModelStore, infer_body: dict[str, Any]
) -> None:
    publish(store)
    publish(store, files={"model.onnx": b"garbage"})
    assert (await api.post(LOAD)).status_code == 200
    assert (await api.post(INFER, json=infer_body)).json()["model_version"] == "1"
    publish(store, "broken", files={"model.onnx": b"garbage"})
    assert (await api.post("/v2/repository/models/broken/load")).status_code == 503


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/v2/repository/models/nobody/load", b"", 404),
        ("/v2/repository/models/nobody/unload", b"", 404),
        (LOAD, b"{", 400),
        (LOAD, b"[]", 400),
        (LOAD, b'{"parameters": []}', 400),
        (LOAD, b'{"parameters": {"config": "{}"}}', 400),
        (LOAD, b'{"parameters": {"file:1/model.onnx": "AAAA"}}', 400),
        (UNLOAD, b"{", 400),
        (UNLOAD, b'{"parameters": 1}', 400),
        ("/v2/repository/index", b"{", 400),
        ("/v2/repository/index", b"[]", 400),
        ("/v2/repository/index", b'{"ready": 1}', 400),
        ("/v2/repository/index", b'{"ready": "true"}', 400),
    ],
)
async def test_a_repository_call_with_a_fault_is_refused(
    served: httpx.AsyncClient, path: str, content: bytes, status: int
) -> None:
    response = await served.post(path, content=content)
    assert response.status_code == status
    error_of(response)


async def test_calls_during_unloading_and_loading_are_answered_or_refused_and_never_wrong(
    served: httpx.AsyncClient, infer_body: dict[str, Any]
) -> None:
    expected = (await served.post(INFER, json=infer_body)).json()["outputs"][0]["data"]
    seen = set()

    async def ask() -> None:
        for _ in range(20):
            response = await served.post(INFER, json=infer_body)
            seen.add(response.status_code)
            if response.status_code == 200:
                np.testing.assert_allclose(response.json()["outputs"][0]["data"], expected, atol=1e-6)

    async def unsettle() -> None:
        for _ in range(10):
            assert (await served.post(UNLOAD)).status_code == 200
            await turns()
            assert (await served.post(LOAD)).status_code == 200
            await turns()

    await asyncio.gather(unsettle(), *(ask() for _ in range(8)))
    assert 200 in seen
    assert seen <= {200, 404}
    assert (await served.post(INFER, json=infer_body)).status_code == 200
