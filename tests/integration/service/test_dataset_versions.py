"""Datasets grow over HTTP, with real converter processes and a store in memory."""

import asyncio
import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from model_store import ModelStore
from service.jobs.queue import JobQueue
from service.settings import ApiSettings
from tests.archives import encoded_noise, noise, zipped
from tests.busy_machine import PATIENCE_S
from tests.fakes import RecordingWakeUps
from tests.integration.service.uploading import ZIP, added, converted, leftovers, upload
from worker.job_store.connection import connect
from worker.job_store.filters import NEWEST, Found, JobFilter
from worker.job_store.groups import GroupStore
from worker.job_store.store import JobStore
from worker.jobs.records import JobRecord
from worker.telemetry.tracing import NoTracing

pytestmark = pytest.mark.anyio


FIRST = noise("cat", range(5), 0) | noise("dog", range(5), 100)


async def add(api: httpx.AsyncClient, files: dict[str, bytes], **query: str) -> httpx.Response:
    return await api.post("/datasets/pets/pictures", params=query, content=zipped(files), headers=ZIP)


@pytest.fixture
async def pets(api: httpx.AsyncClient) -> dict[str, Any]:
    assert (await upload(api, zipped(FIRST))).status_code == 202
    dataset = await converted(api)
    assert dataset["state"] == "ready"
    return dataset


async def pixels(api: httpx.AsyncClient, path: str) -> list[list[list[int]]]:
    answer = await api.get(path)
    assert answer.status_code == 200, answer.text
    found: list[list[list[int]]] = np.asarray(Image.open(io.BytesIO(answer.content))).tolist()
    return found


async def test_added_pictures_become_a_version_and_the_first_one_stays(
    api: httpx.AsyncClient, pets: dict[str, Any], settings: ApiSettings, store: ModelStore
) -> None:
    assert ([one["version"] for one in pets["versions"]], pets["version"]) == ([1], 1)
    answer = await add(api, FIRST | noise("ant", range(5), 200))
    assert (answer.status_code, answer.headers["location"]) == (202, "/datasets/pets")
    assert answer.json()["state"] == "ready"
    assert answer.json()["addition"]["version"] == 2
    grown = await added(api)
    assert grown["addition"] is None
    assert [(one["version"], one["train"], one["test"]) for one in grown["versions"]] == [(1, 8, 2), (2, 12, 3)]
    assert grown["fingerprint"] != pets["fingerprint"]
    assert [one["label"] for one in grown["classes"]] == ["cat", "dog", "ant"]
    assert grown["report"]["skipped"] == {"already_there": 10}
    before = (await api.get("/datasets/pets?version=1")).json()
    assert (before["fingerprint"], before["train"]) == (pets["fingerprint"], 8)
    assert (await api.get("/datasets/pets?version=3")).status_code == 404
    async with asyncio.timeout(PATIENCE_S):
        while leftovers(settings, store) != ["pets"]:  # the files of the conversion go after the version is there
            await asyncio.sleep(0.05)
    first = await pixels(api, "/datasets/pets/pictures/test/1.png?version=1")
    assert await pixels(api, "/datasets/pets/pictures/test/1.png") == first
    page = (await api.get("/datasets/pets/pictures?split=test&version=1")).json()
    assert (page["total"], page["pictures"][0]["url"]) == (2, "/datasets/pets/pictures/test/0.png?version=1")
    assert (await api.get("/datasets/pets/preview.png")).status_code == 200


async def test_jobs_take_the_newest_version_unless_they_name_one(api: httpx.AsyncClient, pets: dict[str, Any]) -> None:
    assert (await add(api, noise("cat", range(5, 10), 0))).status_code == 202
    await added(api)
    job: dict[str, Any] = {"architecture": "lenet5-fashion", "dataset": "pets", "epochs": 1}
    for asked, expected, samples in ((None, 2, 12), (1, 1, 8), (2, 2, 12)):
        answer = await api.post("/jobs?dry_run=true", json=job | ({"dataset_version": asked} if asked else {}))
        assert answer.status_code == 200, answer.text
        (planned,) = answer.json()["jobs"]
        assert (planned["request"]["dataset_version"], planned["request"]["train_samples"]) == (expected, samples)
    refusal = await api.post("/jobs?dry_run=true", json=job | {"dataset_version": 3})
    assert refusal.status_code == 422
    assert "pets/1, pets/2" in refusal.text


async def test_what_is_not_added_says_why_and_the_dataset_stays_as_it_is(
    api: httpx.AsyncClient, pets: dict[str, Any]
) -> None:
    assert (await add(api, FIRST)).status_code == 202
    failed = await added(api)
    assert (failed["state"], failed["version"], failed["fingerprint"]) == ("ready", 1, pets["fingerprint"])
    assert failed["addition"]["error"]["code"] == "nothing_new"
    assert failed["addition"]["report"]["skipped"] == {"already_there": 10}
    assert (await add(api, {"1.png": encoded_noise(1)})).json()["code"] == "archive_rejected"
    assert (await add(api, FIRST, image_size="64")).status_code == 422
    assert (await api.post("/datasets/cats/pictures", content=zipped(FIRST), headers=ZIP)).status_code == 404
    built_in = await api.post("/datasets/cifar10/pictures", content=zipped(FIRST), headers=ZIP)
    assert (built_in.status_code, built_in.json()["code"]) == (409, "dataset_built_in")
    assert (await add(api, noise("cat", range(5, 7), 0))).status_code == 202
    assert (await added(api))["version"] == 2


async def test_a_version_can_be_deleted_but_not_the_only_one(api: httpx.AsyncClient, pets: dict[str, Any]) -> None:
    only = await api.delete("/datasets/pets/versions/1")
    assert (only.status_code, only.json()["code"]) == (409, "only_version")
    assert (await api.delete("/datasets/pets/versions/2")).status_code == 404
    assert pets["version"] == 1


class ManyJobs(JobStore):
    """1,500 jobs wait for version 2 of a dataset, and the oldest of all needs another version."""

    oldest: int | None = 1

    def find(self, wanted: JobFilter, below: float = NEWEST, limit: int = 50) -> tuple[list[Found], int]:
        found = [Found(f"job-{n}", n) for n in range(1500, -1, -1) if n < below]
        return found[:limit], len(found)

    def existing(self, ids: Iterable[str]) -> Iterator[JobRecord]:
        for job in ids:
            version = self.oldest if job == "job-0" else 2
            yield cast(JobRecord, SimpleNamespace(id=job, request=SimpleNamespace(dataset_version=version)))


async def test_a_version_that_a_job_needs_is_not_deleted_however_many_jobs_wait(
    api: httpx.AsyncClient, app: FastAPI, settings: ApiSettings, pets: dict[str, Any]
) -> None:
    assert (await add(api, noise("cat", range(5, 10), 0))).status_code == 202
    await added(api)
    client = connect(settings.redis_url)
    jobs = ManyJobs(client)
    queue = JobQueue(jobs, GroupStore(client, jobs), RecordingWakeUps(), settings.redis_url, NoTracing())
    app.state.service = replace(app.state.service, queue=queue)
    refusal = await api.delete("/datasets/pets/versions/1")
    assert (refusal.status_code, refusal.json()["code"]) == (409, "dataset_in_use")
    assert "job-0" in refusal.json()["detail"]
    jobs.oldest = 2
    deletion = await api.delete("/datasets/pets/versions/1")
    assert deletion.status_code == 200, deletion.text
    assert [one["version"] for one in (await api.get("/datasets/pets")).json()["versions"]] == [2]
    assert pets["version"] == 1
