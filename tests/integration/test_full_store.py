"""A full store refuses only new work: questions are answered, and so are repetitions of accepted submissions."""

from pathlib import Path

import httpx
import pytest

from model_store import ModelStore
from model_store.opening import open_objects
from service.app import create_app
from service.settings import ApiSettings
from tests.unit.model_store.faulty_objects import ForwardingObjects

pytestmark = pytest.mark.anyio
BODY = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": 1}


class Disk(ForwardingObjects):
    """Has as many free bytes as the test says."""

    free_space = 1000

    def free_bytes(self) -> int | None:
        return self.free_space


@pytest.mark.parametrize("body", [BODY, BODY | {"grid": {"seed": [1, 2]}}], ids=["job", "grid"])
async def test_a_full_store_refuses_new_jobs_and_repeats_its_answers(
    redis_url: str, tmp_path: Path, body: dict[str, object]
) -> None:
    disk = Disk(open_objects("memory://"))
    app = create_app(ApiSettings(data_dir=tmp_path, redis_url=redis_url), ModelStore(disk, min_free_bytes=100))
    key = {"Idempotency-Key": "k"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as api,
    ):
        accepted = await api.post("/jobs", json=body, headers=key)
        assert accepted.status_code == 202, accepted.text
        disk.free_space = 99
        for headers in ({}, {"Idempotency-Key": "another"}):
            refused = await api.post("/jobs", json=body, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (507, "disk_full")
        repeated = await api.post("/jobs", json=body, headers=key)
        assert (repeated.status_code, repeated.json()["id"]) == (202, accepted.json()["id"])
        assert (await api.post("/jobs?dry_run=true", json=body)).status_code == 200
