"""Pictures come back with their right labels: who may send, see and delete them, and how they are counted."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from model_store import ModelStore
from service.keys.callers import KeyScope
from service.settings import ApiSettings
from tests.unit.service.apps import app_of
from tests.unit.service.keys.callers_of_tests import clients_with, made
from tests.unit.service.tiny_networks import grey_picture, publish

pytestmark = pytest.mark.anyio

FEEDBACK = "/models/brightness/feedback"
PNG = {"Content-Type": "image/png"}


@pytest.fixture
def settings(settings: ApiSettings) -> ApiSettings:
    return settings.model_copy(update={"max_feedback_pictures": 5, "max_feedback_bytes": 10_000})


@pytest.fixture
def callers_app(settings: ApiSettings, store: ModelStore) -> FastAPI:
    return app_of(settings.model_copy(update={"auth": "on"}), store)


@pytest.fixture
async def callers(callers_app: FastAPI, store: ModelStore) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    scopes = {"ada": KeyScope.TRAIN, "ben": KeyScope.TRAIN, "eve": KeyScope.PREDICT}
    keys = {name: made(store, name, scope) for name, scope in scopes.items()}
    async with callers_app.router.lifespan_context(callers_app):
        yield clients_with(keys, callers_app)


async def send(api: httpx.AsyncClient, tenth: int, right: int, path: str = FEEDBACK) -> dict[str, Any]:
    answer = await api.post(path, params={"label": f"brightness {right}"}, content=grey_picture(tenth), headers=PNG)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("kind", ["query", "form", "json"])
async def test_the_label_comes_in_the_query_a_form_or_json(
    api: httpx.AsyncClient, store: ModelStore, kind: str
) -> None:
    publish(store)
    picture, label = grey_picture(3), "brightness 4"
    options: dict[str, dict[str, Any]] = {
        "query": {"params": {"label": label}, "content": picture, "headers": PNG},
        "form": {"files": [("file", ("a.png", picture))], "data": {"label": label}},
        "json": {"json": {"images": [{"b64": base64.b64encode(picture).decode()}], "label": label}},
    }
    answer = await api.post(FEEDBACK, **options[kind])
    assert answer.status_code == 201, answer.text
    (item,) = answer.json()["feedback"]
    assert (item["label"], item["answered"], item["right"], item["owner"]) == (label, "brightness 3", False, "local")
    assert answer.json()["version"] == 1


async def test_a_label_that_is_no_class_is_refused_with_the_one_that_was_meant(
    api: httpx.AsyncClient, store: ModelStore
) -> None:
    publish(store)
    for params, said in (
        ({"label": "brigtness 4"}, "did you mean 'brightness"),
        ({"label": "dog"}, "expected one of 'brightness 0'"),
        ({}, "expected one of 'brightness 0'"),
    ):
        answer = await api.post(FEEDBACK, params=params, content=grey_picture(3), headers=PNG)
        assert answer.status_code == 422
        assert said in answer.json()["errors"][0]["message"], answer.text
    spelt = await api.post(FEEDBACK, params={"label": " Brightness 4"}, content=grey_picture(3), headers=PNG)
    assert spelt.json()["feedback"][0]["label"] == "brightness 4"


async def test_feedback_is_listed_with_how_often_each_version_was_right(
    api: httpx.AsyncClient, store: ModelStore
) -> None:
    publish(store)
    publish(store)
    store.set_alias("brightness", "production", 1)
    await send(api, 1, 1, "/models/brightness/aliases/production/feedback")
    await send(api, 2, 3, "/models/brightness/versions/1/feedback")
    await send(api, 3, 3)
    found = (await api.get(FEEDBACK)).json()
    assert [(row["version"], row["label"], row["right"]) for row in found["feedback"]] == [
        (2, "brightness 3", True),
        (1, "brightness 3", False),
        (1, "brightness 1", True),
    ]
    assert found["versions"] == [
        {"version": 1, "pictures": 2, "right": 1, "accuracy": 0.5},
        {"version": 2, "pictures": 1, "right": 1, "accuracy": 1.0},
    ]
    assert (found["total"], found["pending"], found["collected"]) == (3, 3, 0)
    of_alias = (await api.get("/models/brightness/aliases/production/feedback", params={"right": False})).json()
    assert [row["label"] for row in of_alias["feedback"]] == ["brightness 3"]
    first = (await api.get(FEEDBACK, params={"limit": 2})).json()
    rest = (await api.get(first["next"])).json()
    assert ([len(page["feedback"]) for page in (first, rest)], rest["next"]) == ([2, 1], None)
    newest = found["feedback"][0]["id"]
    picture = await api.get(f"{FEEDBACK}/{newest}/picture")
    assert (picture.content, picture.headers["content-type"]) == (grey_picture(3), "image/png")
    assert picture.headers["content-security-policy"] == "sandbox"


async def test_what_is_said_again_about_a_picture_counts(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store)
    await send(api, 1, 2)
    await send(api, 1, 3)
    assert [row["label"] for row in (await api.get(FEEDBACK)).json()["feedback"]] == ["brightness 3"]
    assert len(store.feedback.all()) == 1


async def test_an_owner_may_keep_so_much_and_no_more(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store)
    for tenth in range(5):
        await send(api, tenth, tenth)
    refused = await api.post(FEEDBACK, params={"label": CLASS}, content=grey_picture(7), headers=PNG)
    assert (refused.status_code, refused.json()["code"]) == (403, "feedback_full")
    assert (refused.json()["limit"], refused.json()["used"]) == (5, 5)
    assert (await api.delete(FEEDBACK)).json()["deleted"] == 5
    large = await api.post(FEEDBACK, params={"label": CLASS}, content=grey_picture(7, "BMP", side=64), headers=PNG)
    assert large.json()["code"] == "feedback_full"


CLASS = "brightness 7"


async def test_an_unreadable_picture_is_refused_and_not_kept(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store)
    answer = await api.post(FEEDBACK, params={"label": CLASS}, content=b"no picture", headers=PNG)
    assert answer.status_code in {415, 422}
    assert store.feedback.all() == []


async def test_who_may_send_see_and_delete(callers: dict[str, httpx.AsyncClient], store: ModelStore) -> None:
    publish(store, owner="ada")
    (item,) = (await send(callers["eve"], 1, 2))["feedback"]
    assert item["owner"] == "eve"
    await send(callers["ben"], 2, 2)
    assert (await callers["eve"].get(FEEDBACK)).json()["code"] == "scope_missing"
    assert (await callers["ben"].get(FEEDBACK)).json()["total"] == 2
    assert (await callers["ben"].delete(f"{FEEDBACK}/{item['id']}")).json()["code"] == "not_owner"
    assert (await callers["ben"].delete(FEEDBACK)).json()["deleted"] == 1, "his own"
    assert (await callers["ben"].delete(FEEDBACK)).json()["code"] == "not_owner"
    assert (await callers["ada"].delete(f"{FEEDBACK}/{item['id']}")).json()["deleted"] == 1, "the model is hers"
    assert (await callers["ada"].delete(f"{FEEDBACK}/{item['id']}")).json()["code"] == "feedback_not_found"
    assert (await callers["ben"].post(f"{FEEDBACK}/collect", json={"owner": "eve"})).json()["code"] == "not_owner"
    assert (await callers["ada"].post(f"{FEEDBACK}/collect")).json()["code"] == "nothing_to_collect"


async def test_a_model_takes_its_feedback_with_it(
    api: httpx.AsyncClient, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unused(*_: object) -> None:
        """Redis, which knows whether a job uses the model, is not there."""

    monkeypatch.setattr("service.routes.models.refuse_used_model", unused)
    publish(store)
    await send(api, 1, 2)
    assert (await api.delete("/models/brightness")).status_code == 200
    assert store.feedback.all() == []
