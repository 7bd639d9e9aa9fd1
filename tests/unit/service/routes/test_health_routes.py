"""Alive and ready, with and without what the process depends on."""

from typing import Any, cast

import httpx
import pytest

from model_store import Manifest, ModelStore, StoreFull, StoreUnavailable
from service.settings import ApiSettings
from tests.unit.service.apps import app_of
from tests.unit.service.tiny_networks import grey_picture

pytestmark = pytest.mark.anyio


class FailingStore:
    """A store that can be switched off: then every call raises what a lost disk would."""

    def __init__(self, store: ModelStore) -> None:
        self.is_down = False
        self._store = store

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - stands for any method of the store
        if self.is_down:
            raise StoreUnavailable("file:///home/secret/store", "disk on fire")
        return getattr(self._store, name)


class FullStore(FailingStore):
    """A store that can be read, and to which nothing can be added."""

    def check(self) -> None:
        raise StoreFull("file:///home/secret/store", "No space left on device")


@pytest.fixture
def failing(store: ModelStore) -> FailingStore:
    return FailingStore(store)


@pytest.mark.usefixtures("brightness")
async def test_a_service_without_redis_is_alive_and_ready(api: httpx.AsyncClient) -> None:
    assert (await api.get("/healthz")).json() == {"status": "alive"}
    ready = await api.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ready", "store": "ok", "queue": "unavailable", "models": 1, "damaged": []}


async def test_a_service_without_its_store_is_not_ready_but_serves_what_it_knows(
    settings: ApiSettings, failing: FailingStore, brightness: Manifest
) -> None:
    app = app_of(settings, cast("ModelStore", failing))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as api,
    ):
        picture = {"file": ("x.png", grey_picture(2))}
        assert (await api.post("/predict", files=picture)).status_code == 200
        failing.is_down = True
        ready = await api.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["store"] == "unavailable"
        assert (await api.get("/healthz")).status_code == 200
        answer = await api.post("/predict", files=picture)
        assert answer.json()["version"] == brightness.version
        unknown = await api.post("/predict?model=other", files=picture)
        assert (unknown.status_code, unknown.json()["code"]) == (503, "store_unavailable")
        assert unknown.headers["Retry-After"]
        for response in (ready, unknown, await api.get("/models")):
            assert "secret" not in response.text
        failing.is_down = False
        assert (await api.get("/readyz")).status_code == 200


async def test_with_a_setting_a_service_that_lost_its_store_is_ready_as_long_as_it_has_models_in_memory(
    settings: ApiSettings, failing: FailingStore, brightness: Manifest
) -> None:
    app = app_of(settings.model_copy(update={"ready_without_store": True}), cast("ModelStore", failing))
    probes = ("/readyz", "/v2/health/ready", "/ping")
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as api,
    ):
        assert (await api.get("/readyz")).json()["status"] == "ready"
        assert (await api.post("/predict", files={"file": ("x.png", grey_picture(2))})).status_code == 200
        failing.is_down = True
        ready = await api.get("/readyz")
        assert ready.json() | {"queue": ""} == {
            "status": "degraded",
            "store": "unavailable",
            "queue": "",
            "models": 1,
            "damaged": [],
        }
        assert [(await api.get(path)).status_code for path in probes] == [200, 200, 200]
        app.state.service.engine.forget(brightness.model)
        assert (await api.get("/readyz")).json()["status"] == "unavailable"
        assert [(await api.get(path)).status_code for path in probes] == [503, 503, 503]


@pytest.mark.usefixtures("brightness")
async def test_a_service_whose_store_is_full_is_ready(settings: ApiSettings, store: ModelStore) -> None:
    app = app_of(settings, cast("ModelStore", FullStore(store)))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as api,
    ):
        ready = await api.get("/readyz")
        assert (ready.status_code, ready.json()["store"]) == (200, "ok")
