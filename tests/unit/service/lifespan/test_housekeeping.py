"""An idle process drops the models that other processes unloaded or deleted."""

from pathlib import Path

import pytest
from fastapi import FastAPI

from model_store import ModelStore
from service.inference.unloaded import UnloadedModels
from service.settings import ApiSettings
from tests.event_loop import until
from tests.unit.service.apps import app_of
from tests.unit.service.tiny_networks import publish

pytestmark = pytest.mark.anyio


@pytest.fixture
def shared_dir(tmp_path: Path) -> Path:
    (tmp_path / "shared").mkdir()
    return tmp_path / "shared"


@pytest.fixture
def app(settings: ApiSettings, store: ModelStore, shared_dir: Path) -> FastAPI:
    wishes = {"api_shared_dir": shared_dir, "loaded_models": 3, "pinned_models": "alpha, beta, gamma"}
    return app_of(settings.model_copy(update=wishes), store)


async def test_an_idle_process_keeps_no_memory_for_what_is_gone(
    app: FastAPI, store: ModelStore, shared_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.lifespan.housekeeping.PAUSE_S", 0)
    for name in ("alpha", "beta", "gamma"):
        publish(store, name)
    async with app.router.lifespan_context(app):
        engine = app.state.service.engine
        assert {entry.model for entry in engine.loaded()} == {"alpha", "beta", "gamma"}
        UnloadedModels(shared_dir).add("alpha")
        store.delete_model("beta")
        await until(lambda: {entry.model for entry in engine.loaded()} == {"gamma"})
