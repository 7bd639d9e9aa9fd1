"""Keys over HTTP: made once, listed without themselves, revoked, and what that ends."""

import asyncio
import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from model_store import Manifest, ModelStore
from service.keys.callers import KeyScope
from service.keys.tokens import is_well_formed
from service.settings import ApiSettings
from tests.unit.service.apps import app_of
from tests.unit.service.keys.callers_of_tests import made
from tests.unit.service.tiny_networks import grey_picture

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(settings: ApiSettings, store: ModelStore) -> FastAPI:
    return app_of(settings.model_copy(update={"auth": "on"}), store)


@pytest.fixture
async def admin(api: httpx.AsyncClient, store: ModelStore) -> httpx.AsyncClient:
    api.headers["Authorization"] = f"Bearer {made(store, 'me', KeyScope.ADMIN)}"
    return api


async def test_a_key_is_shown_once_and_opens_at_once(admin: httpx.AsyncClient, brightness: Manifest) -> None:
    answer = await admin.post("/keys", json={"name": "ada", "scope": "predict", "expires": "30d"})
    assert answer.status_code == 201
    created = answer.json()
    assert (created["name"], created["scope"], created["state"]) == ("ada", "predict", "active")
    assert created["created_by"] == "me"
    assert is_well_formed(created["key"].encode())
    listed = await admin.get("/keys")
    assert [key["name"] for key in listed.json()["keys"]] == ["ada", "me"]
    assert "cvs_" not in listed.text
    headers = {"Content-Type": "image/png", "X-API-Key": created["key"]}
    assert (await admin.post("/predict", content=grey_picture(1), headers=headers)).status_code == 200
    revoked = await admin.delete("/keys/ada")
    assert (revoked.status_code, revoked.json()["state"]) == (200, "revoked")
    refused = await admin.post("/predict", content=grey_picture(1), headers=headers)
    assert (refused.status_code, "revoked" in refused.json()["detail"]) == (401, True)


async def test_of_two_keys_made_under_one_name_at_once_one_is_made(admin: httpx.AsyncClient) -> None:
    body = {"name": "ada", "scope": "train"}
    answers = await asyncio.gather(*(admin.post("/keys", json=body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]
    tokens = {answer.json()["key"] for answer in answers if answer.status_code == 201}
    assert (await admin.get("/jobs/x", headers={"Authorization": f"Bearer {tokens.pop()}"})).status_code != 401


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"name": "local"}, 422, "key_name_reserved"),
        ({"name": "admin"}, 422, "key_name_reserved"),
        ({"name": "Ada"}, 422, "validation_failed"),
        ({"name": "../x"}, 422, "validation_failed"),
        ({"scope": "root"}, 422, "validation_failed"),
        ({"expires": "soon"}, 422, "expiry_invalid"),
        ({"expires": "2001-01-01"}, 422, "expiry_invalid"),
        ({"expires": "999999w"}, 422, "expiry_invalid"),
        ({"key": "mine"}, 422, "validation_failed"),
    ],
)
async def test_a_key_that_makes_no_sense_is_refused(
    admin: httpx.AsyncClient, change: dict[str, str], status: int, code: str
) -> None:
    answer = await admin.post("/keys", json={"name": "ada", "scope": "train"} | change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_only_a_key_that_was_made_can_be_revoked(admin: httpx.AsyncClient) -> None:
    assert (await admin.delete("/keys/nobody")).json()["code"] == "key_not_found"
    assert (await admin.delete("/keys/..%2F..")).status_code == 404


async def test_an_event_stream_ends_when_its_key_is_revoked(
    app: FastAPI, admin: httpx.AsyncClient, store: ModelStore
) -> None:
    has_begun = asyncio.Event()

    @app.get("/endless")
    async def endless() -> StreamingResponse:
        async def events() -> AsyncIterator[str]:
            yield "data: 1\n\n"
            has_begun.set()
            await asyncio.Event().wait()

        return StreamingResponse(events(), media_type="text/event-stream")

    token = made(store, "ada", KeyScope.READ)
    reading = asyncio.create_task(admin.get("/endless", headers={"Authorization": f"Bearer {token}"}))
    await has_begun.wait()
    assert (await admin.delete("/keys/ada")).status_code == 200
    stream = await asyncio.wait_for(reading, 10)
    assert (stream.status_code, stream.text) == (200, "data: 1\n\n")
    assert not app.state.service.keyring._followers


async def test_every_change_is_one_line_of_the_audit_log(
    admin: httpx.AsyncClient, brightness: Manifest, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "service.audit"):
        await admin.put("/models/brightness/aliases/champion", json={"version": 1})
        await admin.get("/models")
        await admin.post("/predict", content=grey_picture(1), headers={"Content-Type": "image/png"})
        await admin.post("/v2/repository/models/brightness/unload")
    lines = [record.fields for record in caplog.records if record.name == "service.audit"]  # type: ignore[attr-defined]
    assert lines == [
        {
            "key": "me",
            "action": "PUT /models/{name}/aliases/{alias}",
            "object": "/models/brightness/aliases/champion",
            "status": 200,
        },
        {
            "key": "me",
            "action": "POST /v2/repository/models/{model}/unload",
            "object": "/v2/repository/models/brightness/unload",
            "status": 200,
        },
    ]
