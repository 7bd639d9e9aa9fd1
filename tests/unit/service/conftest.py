"""The service over a store in memory, asked without a network."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from model_store import Manifest, ModelStore, open_store
from service.settings import ApiSettings
from service.telemetry.metrics import Metrics
from service.telemetry.stages import Stages
from tests.unit.service.apps import app_of
from tests.unit.service.tiny_networks import publish
from worker.telemetry.tracing import NoTracing


@pytest.fixture
def settings(tmp_path: Path) -> ApiSettings:
    return ApiSettings(
        data_dir=tmp_path,
        redis_url=f"unix://{tmp_path}/nobody-listens.sock",
        catalog_refresh_s=0,
        max_body_bytes=200_000,
        max_picture_bytes=50_000,
        max_json_bytes=20_000,
        max_pictures=8,
        loaded_models=2,
        minimum_stay_s=0,
    )


@pytest.fixture
def store() -> ModelStore:
    return open_store("memory://")


@pytest.fixture
def brightness(store: ModelStore) -> Manifest:
    """A published version, 1 of the model `brightness`."""
    return publish(store)


@pytest.fixture
def stages() -> Stages:
    return Stages(Metrics(), NoTracing())


@pytest.fixture
def app(settings: ApiSettings, store: ModelStore) -> FastAPI:
    return app_of(settings, store)


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client
