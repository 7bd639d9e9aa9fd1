"""Jobs as a server would show them, and servers that exist only in memory."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from service.cli.client import Client
from worker.jobs.plan import plan
from worker.jobs.records import JobRecord
from worker.jobs.request import JobRequest

PLAN = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist", epochs=3))
Respond = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def make_job() -> Callable[..., JobRecord]:
    def make(**changes: Any) -> JobRecord:  # noqa: ANN401 - any field of a job
        job = {
            "id": "k3v9x2m7qd",
            "state": "running",
            "request": PLAN,
            "created_at": "2026-01-02T03:04:05Z",
        }
        return JobRecord.model_validate(job | changes)

    return make


@pytest.fixture
def client_of() -> Callable[[Respond], Client]:
    def make(respond: Respond) -> Client:
        return Client("http://convserve.test", transport=httpx.MockTransport(respond))

    return make
