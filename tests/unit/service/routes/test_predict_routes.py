"""Which version answers, how many classes it names, and that everyone gets their own answer."""

import asyncio
import random

import httpx
import pytest
from fastapi import FastAPI

from model_store import ModelStore
from tests.unit.service.tiny_networks import CLASSES, grey_picture, publish

pytestmark = pytest.mark.anyio

PICTURE = {"file": ("x.png", grey_picture(4))}


async def who_answers(api: httpx.AsyncClient, path: str) -> tuple[str, int]:
    response = await api.post(path, files=PICTURE)
    assert response.status_code == 200, response.text
    return response.json()["model"], response.json()["version"]


async def test_without_a_name_the_version_published_last_answers(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, "alpha")
    publish(store, "beta")
    assert await who_answers(api, "/predict") == ("beta", 1)
    publish(store, "alpha")
    assert await who_answers(api, "/predict") == ("alpha", 2)
    assert await who_answers(api, "/predict?model=beta") == ("beta", 1)


async def test_the_latest_version_is_the_highest_number_not_the_last_in_the_alphabet(
    api: httpx.AsyncClient, store: ModelStore
) -> None:
    for _ in range(11):
        publish(store, "alpha")
    assert await who_answers(api, "/models/alpha/predict") == ("alpha", 11)


async def test_a_version_and_an_alias_are_answered_by_what_they_name(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, "alpha")
    publish(store, "alpha")
    assert await who_answers(api, "/models/alpha/versions/1/predict") == ("alpha", 1)
    for version in (1, 2, 1):
        await api.put("/models/alpha/aliases/production", json={"version": version})
        assert await who_answers(api, "/models/alpha/aliases/production/predict") == ("alpha", version)


@pytest.mark.parametrize(
    ("body", "loc", "words"),
    [
        ({"image": "aGVsbG8="}, ["body", "image"], "did you mean 'images'?"),
        ({"images": ["aGVsbG8="]}, ["body", "images", 0], "should be an object"),
        ({"images": [{"b46": "aGVsbG8="}]}, ["body", "images", 0, "b46"], "did you mean 'b64'?"),
        ({"images": "aGVsbG8="}, ["body", "images"], "should be a list"),
    ],
)
async def test_a_json_body_of_another_shape_is_told_what_was_meant(
    api: httpx.AsyncClient, body: dict[str, object], loc: list[str | int], words: str
) -> None:
    answer = await api.post("/predict", json=body)
    assert answer.status_code == 422
    assert [words in error["message"] for error in answer.json()["errors"] if error["loc"] == loc] == [True]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/predict?model=nobody", "model_not_found"),
        ("/models/nobody/predict", "model_not_found"),
        ("/models/alpha/versions/7/predict", "version_not_found"),
        ("/models/alpha/aliases/nowhere/predict", "alias_not_found"),
    ],
)
async def test_what_is_not_there_is_404(api: httpx.AsyncClient, store: ModelStore, path: str, code: str) -> None:
    publish(store, "alpha")
    response = await api.post(path, files=PICTURE)
    assert response.status_code == 404
    assert response.json()["code"] == code


async def test_before_anything_is_published_the_answer_says_how_to_begin(api: httpx.AsyncClient) -> None:
    response = await api.post("/predict", files=PICTURE)
    assert response.status_code == 404
    assert response.json()["code"] == "no_model_published"
    assert "POST /jobs" in response.json()["detail"]


@pytest.mark.parametrize(("top_k", "n_named"), [(1, 1), (3, 3), (10, 10), (1000, 10)])
async def test_top_k_is_how_many_classes_are_named(
    api: httpx.AsyncClient, store: ModelStore, top_k: int, n_named: int
) -> None:
    publish(store)
    response = await api.post(f"/predict?top_k={top_k}", files=PICTURE)
    named = response.json()["predictions"][0]["top_k"]
    assert len(named) == n_named
    assert len({entry["class_index"] for entry in named}) == n_named
    assert all(entry["label"] == CLASSES[entry["class_index"]] for entry in named)


@pytest.mark.parametrize("top_k", ["0", "-1", "x", "1.5", "1e999"])
async def test_an_impossible_top_k_is_refused(api: httpx.AsyncClient, store: ModelStore, top_k: str) -> None:
    publish(store)
    response = await api.post("/predict", params={"top_k": top_k}, files=PICTURE)
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == ["query", "top_k"]


async def test_thirty_callers_at_once_each_get_their_own_answer(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store)
    wanted = [random.Random(7).choices(range(10), k=1 + caller % 4) for caller in range(30)]

    async def ask(caller: int) -> list[tuple[str, int]]:
        files = [("file", (f"{caller}-{place}.png", grey_picture(tenth))) for place, tenth in enumerate(wanted[caller])]
        predictions = (await api.post("/predict", files=files)).json()["predictions"]
        return [(p["filename"], p["class_index"]) for p in predictions]

    answers = await asyncio.gather(*(ask(caller) for caller in range(30)))
    for caller, answer in enumerate(answers):
        assert answer == [(f"{caller}-{place}.png", tenth) for place, tenth in enumerate(wanted[caller])]


async def test_more_versions_than_are_kept_in_memory_all_answer(api: httpx.AsyncClient, store: ModelStore) -> None:
    for name in ("alpha", "beta", "gamma", "delta"):
        publish(store, name)
    for name in ("alpha", "beta", "gamma", "delta", "alpha"):
        assert await who_answers(api, f"/models/{name}/predict") == (name, 1)


async def test_a_damaged_version_is_passed_over_by_latest_and_named_in_readyz(
    api: httpx.AsyncClient, store: ModelStore
) -> None:
    publish(store, "alpha")
    publish(store, "alpha", files={"model.onnx": b"no network"})
    assert await who_answers(api, "/predict") == ("alpha", 1)
    assert await who_answers(api, "/models/alpha/predict") == ("alpha", 1)
    insisting = await api.post("/models/alpha/versions/2/predict", files=PICTURE)
    assert insisting.status_code == 503
    assert insisting.json()["code"] == "artifact_corrupt"
    ready = await api.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["damaged"] == [{"model": "alpha", "version": 2, "file": "model.onnx"}]
    model = (await api.get("/models/alpha")).json()
    assert (model["latest"], model["damaged"]) == (1, [2])


async def test_a_model_with_only_damaged_versions_is_503_until_they_are_deleted(
    api: httpx.AsyncClient, store: ModelStore
) -> None:
    publish(store, "alpha", files={"history.json": b"{}"})
    for _ in range(2):
        response = await api.post("/models/alpha/predict", files=PICTURE)
        assert (response.status_code, response.json()["code"]) == (503, "artifact_corrupt")
    assert (await api.delete("/models/alpha/versions/1")).status_code == 200
    assert (await api.post("/models/alpha/predict", files=PICTURE)).status_code == 404
    assert (await api.get("/readyz")).json()["damaged"] == []


async def test_predicting_does_not_need_the_job_queue(api: httpx.AsyncClient, store: ModelStore, app: FastAPI) -> None:
    publish(store)
    assert (await api.get("/jobs")).status_code == 503
    assert await who_answers(api, "/predict") == ("brightness", 1)
