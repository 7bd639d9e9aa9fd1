"""Records of the version before owners took turns: they open, run and are listed, also while old processes go on."""

import json
from typing import Any

import pytest
import redis

from tests.job_pages import page_of
from tests.unit.worker.job_store.test_old_records import FINISHED, PLANNED
from worker.job_store.adoption import Adoption
from worker.job_store.filters import JobFilter
from worker.job_store.scripts import Scripts
from worker.job_store.store import JobStore
from worker.jobs.plan import plan
from worker.jobs.records import History, Progress
from worker.jobs.request import JobRequest
from worker.jobs.states import JobState

PREFIX = "convserve:"


def put_as_before(client: redis.Redis, job: str, state: JobState, **fields: str) -> None:
    """What the scripts of that version wrote for a job, command by command."""
    sequence = client.incr(f"{PREFIX}sequence")
    record = {"id": job, "state": state, "request": json.dumps(PLANNED), "created_at": "1764028800.25", "attempt": "0"}
    for name, value in (record | {"queued_at": "1764028800.25"} | fields).items():
        client.hset(f"{PREFIX}job:{job}", name, value)
    client.zadd(f"{PREFIX}jobs", {job: sequence})
    if state is JobState.QUEUED:
        client.zadd(f"{PREFIX}queued", {job: sequence})
    if state is JobState.RUNNING:
        client.zadd(f"{PREFIX}running", {job: float(fields["lease_until"])})
    client.xadd(f"{PREFIX}job:{job}:events", {"event": "state", "data": state})


def claim_as_before(client: redis.Redis, job: str) -> None:
    client.hset(f"{PREFIX}job:{job}", mapping={"state": "running", "claimant": "old", "fence": "9", "attempt": "1"})
    client.zrem(f"{PREFIX}queued", job)
    client.zadd(f"{PREFIX}running", {job: 9e9})


def end_as_before(client: redis.Redis, job: str) -> None:
    client.hset(f"{PREFIX}job:{job}", mapping={"state": "succeeded", "finished_at": "1764028830.75"})
    client.zrem(f"{PREFIX}running", job)


@pytest.fixture
def old(client: redis.Redis) -> None:
    put_as_before(client, "finished22", JobState.SUCCEEDED, **{name: FINISHED[name] for name in ("history", "model")})
    put_as_before(client, "running222", JobState.RUNNING, lease_until="9000000000", fence="3", started_at="1764028801")
    put_as_before(client, "queued2222", JobState.QUEUED)
    put_as_before(client, "queued3333", JobState.QUEUED, group="agroup2222", varied='{"seed":2}')


@pytest.mark.usefixtures("old")
def test_old_jobs_are_listed_counted_and_found_by_their_properties(job_store: JobStore) -> None:
    listed, total = page_of(job_store)
    assert [job.id for job in listed] == ["queued3333", "queued2222", "running222", "finished22"]
    assert total == 4
    assert {job.owner for job in listed} == {"local"}
    assert listed[-1].history.val_accuracy == (0.4,)
    assert [job.position for job in listed] == [2, 1, None, None]
    for name, value in {"model": "shirts", "dataset": "fashion_mnist_sample", "architecture": "custom"}.items():
        assert job_store.find(JobFilter(owner="local", properties={name: value}))[1] == 4
    assert [job.id for job in page_of(job_store, group="agroup2222")[0]] == ["queued3333"]
    overview = job_store.overview()
    assert (overview.jobs[JobState.QUEUED], overview.jobs[JobState.RUNNING], overview.queued) == (2, 1, 2)
    assert overview.longest_wait_s > 0


@pytest.mark.usefixtures("old")
def test_old_jobs_run_even_before_anything_has_looked_at_them(job_store: JobStore) -> None:
    claims = [job_store.claim(), job_store.claim(), job_store.claim()]
    assert [claim.job if claim else None for claim in claims] == ["queued2222", "queued3333", None]
    assert job_store.queued() == []
    assert page_of(job_store, [JobState.RUNNING])[1] == 3


@pytest.mark.usefixtures("old")
def test_taking_over_twice_changes_nothing(job_store: JobStore, client: redis.Redis) -> None:
    assert job_store.adopt() == 4
    before = {key: client.type(key) for key in client.scan_iter()}, page_of(job_store)
    assert job_store.adopt() == 0
    assert Adoption(client).adopt(thoroughly=True) == 0
    assert ({key: client.type(key) for key in client.scan_iter()}, page_of(job_store)) == before


def test_an_old_worker_may_run_a_new_job(job_store: JobStore, client: redis.Redis) -> None:
    request = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2))
    first, second = job_store.submit(request).id, job_store.submit(request).id
    claim_as_before(client, first)
    claim = job_store.claim()
    assert claim is not None
    assert claim.job == second
    assert job_store.claim() is None
    end_as_before(client, first)
    job_store.adopt()
    assert [job.id for job in page_of(job_store, [JobState.SUCCEEDED])[0]] == [first]
    assert page_of(job_store, [JobState.QUEUED]) == ([], 0)


def test_an_old_api_may_submit_and_forget(job_store: JobStore, client: redis.Redis) -> None:
    assert page_of(job_store) == ([], 0)
    put_as_before(client, "queued2222", JobState.QUEUED)
    assert job_store.adopt() == 1
    assert job_store.get("queued2222").position == 1
    claim_as_before(client, "queued2222")
    end_as_before(client, "queued2222")
    job_store.adopt()
    client.delete(f"{PREFIX}job:queued2222", f"{PREFIX}job:queued2222:events")
    client.zrem(f"{PREFIX}jobs", "queued2222")
    job_store.adopt()
    assert job_store.find(JobFilter(properties={"model": "shirts"})) == ([], 0)
    assert Scripts(client).run("sizes") == 1


def test_a_heartbeat_tells_of_each_epoch_once(job_store: JobStore, client: redis.Redis) -> None:
    request = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2))
    job_store.submit(request)
    claim = job_store.claim()
    assert claim is not None
    history = History()
    for epoch in range(1, 6):
        history = history.with_epoch({"loss": 1 / epoch, "accuracy": 0.5, "val_loss": 1 / epoch, "val_accuracy": 0.25})
        job_store.heartbeat(claim, Progress(epoch=epoch), history, "epoch")
        JobStore(client).heartbeat(claim, Progress(epoch=epoch), history)
    assert job_store.get(claim.job).history == history
    stored: Any = client.xrange(f"{PREFIX}job:{claim.job}:events")
    told = [fields["data"] for _, fields in stored if fields["event"] == "epoch"]
    assert [json.loads(data)["epoch"] for data in told] == [1, 2, 3, 4, 5]
    assert max(map(len, told)) < 200
