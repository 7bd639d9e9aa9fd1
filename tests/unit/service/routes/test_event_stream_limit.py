"""More event streams than a process serves are told to come back."""

from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI

from service import deps
from service.web.streams import EventStreams

pytestmark = pytest.mark.anyio


class Queue:
    """Knows one job without events."""

    async def latest_event(self, job_id: str) -> str:
        return f"0-{len(job_id)}"


async def test_one_stream_too_many_is_429(app: FastAPI, api: httpx.AsyncClient) -> None:
    app.dependency_overrides |= {
        deps._job: lambda: SimpleNamespace(id="k3v9x2m7qd"),
        deps._queue: Queue,
        deps._streams: lambda: EventStreams(0),
    }
    answer = await api.get("/jobs/k3v9x2m7qd/events")
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_streams")
    assert answer.headers["Retry-After"] == "5"
