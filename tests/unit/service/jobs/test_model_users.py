"""A model or a version that a job reads is not deleted, whatever the job does with it."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from model_store import ModelStore, VersionInUse
from service.jobs.model_users import refuse_read_version, versions_read
from service.jobs.queue import JobQueue
from tests.unit.service.jobs.test_group_answers import job
from tests.unit.service.tiny_networks import publish
from worker.jobs.records import JobRecord
from worker.jobs.states import JobState
from worker.predictions.options import BulkPlan
from worker.recipe.exports import ExportOrder

pytestmark = pytest.mark.anyio

READ = "brightness/1"
BULK = BulkPlan(upload="j", version=READ, source="list", split=None, size_bytes=1, top_k=1)
KINDS: dict[str, object] = {
    "initial_model": READ,
    "record": READ,
    "export": ExportOrder(version=READ, format="litert"),
    "predictions": BULK,
}


class _Queue:
    """A queue in which these jobs wait."""

    def __init__(self, *records: JobRecord) -> None:
        found = [SimpleNamespace(id=record.id, sequence=0) for record in records]
        self.jobs = SimpleNamespace(find=lambda *_: (found, len(found)), existing=lambda _: records)

    async def call(self, method: Callable[..., Any], *args: object) -> Any:  # noqa: ANN401 - what the method returns
        return method(*args)


def _queue(kind: str) -> JobQueue:
    waiting = job("waiting", JobState.QUEUED)
    reader = waiting.model_copy(update={"request": waiting.request.model_copy(update={kind: KINDS[kind]})})
    return cast(JobQueue, _Queue(reader, job("other", JobState.RUNNING)))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_job_reads_the_version_that_it_was_submitted_for(kind: str) -> None:
    queue = _queue(kind)
    assert await versions_read(queue) == {READ: ["waiting"]}
    with pytest.raises(VersionInUse, match="job waiting"):
        await refuse_read_version("brightness", 1, queue)
    await refuse_read_version("brightness", 11, queue)


async def test_what_a_job_reads_is_neither_deleted_nor_cleared_away(
    api: httpx.AsyncClient, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(_: JobQueue) -> dict[str, list[str]]:
        return {READ: ["waiting"]}

    for module in ("service.jobs.model_users", "service.routes.retention"):
        monkeypatch.setattr(f"{module}.versions_read", read)
    for accuracy in (0.1, 0.2, 0.9):
        publish(store, metrics={"test_accuracy": accuracy, "test_loss": 0.3})
    refused = await api.delete("/models/brightness/versions/1")
    assert (refused.status_code, refused.json()["code"]) == (409, "version_in_use")
    assert "job waiting" in refused.json()["detail"]
    refused = await api.delete("/models/brightness")
    assert (refused.status_code, refused.json()["code"]) == (409, "model_in_use")
    kept = await api.post("/retention", json={"keep_best": 1})
    assert [version["version"] for version in kept.json()["versions"]] == [2]
    assert store.versions("brightness") == [1, 3]
