"""`llms.txt` names routes that exist, can be read without a key, and says whether the others need one."""

import re

import httpx
import pytest
from fastapi import FastAPI

from model_store import ModelStore
from service.agents.llms_text import PLACES
from service.app import ROUTES, create_app
from service.settings import ApiSettings
from tests.unit.service.apps import app_of
from worker.architectures import PRESETS
from worker.datasets import DATASETS

pytestmark = pytest.mark.anyio

ROUTED = {
    (method, route.path) for module in ROUTES for route in module.router.routes for method in sorted(route.methods)
}


async def test_it_follows_the_convention(api: httpx.AsyncClient) -> None:
    answer = await api.get("/llms.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = answer.text.splitlines()
    assert lines[0] == "# convserve"
    assert lines[2].startswith("> ")
    sections = re.findall(r"^## (.+)$", answer.text, re.MULTILINE)
    assert sections == list(PLACES)
    below = answer.text.partition("\n## ")[2].split("\n")[1:]
    assert all(not line or re.fullmatch(r"## .+|- \[.+\]\(http://localhost/\S+\): .+", line) for line in below)


def test_every_route_that_it_names_exists() -> None:
    own = {("GET", route.path) for route in create_app(ApiSettings()).routes if hasattr(route, "path")}
    named = {(place.method, place.template) for places in PLACES.values() for place in places}
    assert named - ROUTED - own == set()


async def test_it_names_every_network_and_dataset_by_the_name_that_jobs_take(api: httpx.AsyncClient) -> None:
    text = (await api.get("/llms.txt")).text
    assert [name for name in (*PRESETS, *DATASETS) if f"`{name}`" not in text] == []


async def test_a_copy_that_is_current_is_not_sent_again(api: httpx.AsyncClient) -> None:
    first = await api.get("/llms.txt")
    assert (await api.get("/llms.txt", headers={"If-None-Match": first.headers["etag"]})).status_code == 304
    head = await api.head("/llms.txt")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", first.headers["etag"])
    elsewhere = await api.get("/llms.txt", headers={"Host": "127.0.0.1:8000"})
    assert "http://127.0.0.1:8000/jobs" in elsewhere.text
    assert elsewhere.headers["vary"] == "Host"


async def test_it_is_read_without_a_key_and_says_that_one_is_needed(settings: ApiSettings, store: ModelStore) -> None:
    guarded: FastAPI = app_of(settings.model_copy(update={"auth": "on"}), store)
    transport = httpx.ASGITransport(guarded)
    async with (
        guarded.router.lifespan_context(guarded),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        answer = await client.get("/llms.txt")
    assert answer.status_code == 200
    assert "Authorization: Bearer" in answer.text
