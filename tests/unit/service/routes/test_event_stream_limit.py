"""More event streams than a process serves are told to come back."""

from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI

from model_store import ModelStore
from service import deps
from service.app import create_app
from service.settings import ApiSettings
from service.web.streams import EventStreams

pytestmark = pytest.mark.anyio


class Queue:
    """Knows one job without events."""

    async def latest_event(self, job_id: str) -> str:
        return f"0-{len(job_id)}"


@pytest.fixture
def app(settings: ApiSettings, store: ModelStore) -> FastAPI:
    """With routes of its own, whose dependencies can be overridden."""
    return create_app(settings, store)


async def test_one_stream_too_many_is_429(app: FastAPI, api: httpx.AsyncClient) -> None:
    app.dependency_overrides |= {
        deps._job: lambda: SimpleNamespace(id="k3v9x2m7qd"),
        deps._queue: Queue,
        deps._streams: lambda: EventStreams(0),
    }
    answer = await api.get("/jobs/k3v9x2m7qd/events")
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_streams")
    assert answer.headers["Retry-After"] == "5"
