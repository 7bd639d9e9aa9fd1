"""Students see the score of a version, and nothing that reveals the labels of the test split."""

import httpx
import pytest
from fastapi import FastAPI

from model_store import ModelStore
from service.datasets.pictures import DatasetPictures
from service.keys.callers import KeyScope
from service.settings import ApiSettings
from tests.unit.service.apps import app_of
from tests.unit.service.keys.callers_of_tests import made
from tests.unit.service.tiny_networks import publish
from worker.datasets import DatasetNotFound

pytestmark = pytest.mark.anyio

REVEALING = [
    "mistakes",
    "report.html",
    "film",
    "film.png",
    "files/evaluation.json",
    "files/mistakes.png",
    "files/new.x",
]
FREE = ["", "/files/manifest.json", "/files/curves.png", "/files/model.onnx", "/summary", "/doctor"]


@pytest.fixture
def app(settings: ApiSettings, store: ModelStore) -> FastAPI:
    hidden = {"auth": "on", "hidden_test_labels": "greys, fashion_mnist_sample"}
    return app_of(settings.model_copy(update=hidden), store)


@pytest.fixture
async def student(api: httpx.AsyncClient, store: ModelStore) -> httpx.AsyncClient:
    publish(store)
    publish(store, "open", dataset="other")
    api.headers["X-API-Key"] = made(store, "ada", KeyScope.TRAIN)
    return api


@pytest.mark.parametrize("ending", REVEALING)
async def test_what_reveals_test_labels_is_kept_from_students(
    student: httpx.AsyncClient, store: ModelStore, ending: str
) -> None:
    answer = await student.get(f"/models/brightness/versions/1/{ending}")
    assert (answer.status_code, answer.json()["code"]) == (403, "labels_hidden")
    other = await student.get(f"/models/open/versions/1/{ending}")
    assert other.status_code != 403
    admin = {"X-API-Key": made(store, "me", KeyScope.ADMIN)}
    assert (await student.get(f"/models/brightness/versions/1/{ending}", headers=admin)).status_code != 403


@pytest.mark.parametrize("ending", FREE)
async def test_the_score_and_the_model_are_not(student: httpx.AsyncClient, ending: str) -> None:
    assert (await student.get(f"/models/brightness/versions/1{ending}")).status_code == 200


async def test_aliases_are_no_way_around_it(student: httpx.AsyncClient) -> None:
    for ending in ("mistakes", "film", "report.html"):
        answer = await student.get(f"/models/brightness/aliases/latest/{ending}")
        assert answer.json()["code"] == "labels_hidden"
    assert (await student.get("/models/brightness/versions/x/mistakes")).status_code == 422


async def test_test_pictures_are_not_listed_with_their_labels(
    student: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def page(*_: object) -> None:
        raise DatasetNotFound("asked", [])

    monkeypatch.setattr(DatasetPictures, "page", page)
    listed = await student.get("/datasets/fashion_mnist_sample/pictures?split=test")
    assert (listed.status_code, listed.json()["code"]) == (403, "labels_hidden")
    train = await student.get("/datasets/fashion_mnist_sample/pictures?split=train")
    assert train.json()["code"] == "dataset_not_found", "the list was asked for"
