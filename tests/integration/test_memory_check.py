"""A training that needs more memory than any worker has is refused before it is queued."""

import pytest
import redis

from service.jobs.memory_check import with_memory
from service.jobs.queue import JobQueue
from service.keys.callers import LOCAL
from tests.fakes import RecordingWakeUps
from worker.datasets import dataset_info
from worker.job_store import workers as workers_module
from worker.job_store.groups import GroupStore
from worker.job_store.store import JobStore
from worker.jobs.grids import PlannedJob
from worker.jobs.plan import plan
from worker.jobs.request import JobRequest, RequestInvalid
from worker.telemetry.tracing import NoTracing

pytestmark = pytest.mark.anyio

GB = 10**9


def planned(architecture: str, **fields: object) -> PlannedJob:
    body = {"architecture": architecture, "dataset": "fashion_mnist_sample", "epochs": 1} | fields
    return PlannedJob(varied={}, plan=plan(JobRequest.model_validate(body)))


SMALL = planned("lenet5-fashion")
LARGE_BATCHES = planned("alexnet", batch_size=512)


@pytest.fixture
def queue(client: redis.Redis, redis_url: str) -> JobQueue:
    jobs = JobStore(client)
    return JobQueue(jobs, GroupStore(client, jobs), RecordingWakeUps(), redis_url, NoTracing())


def test_the_largest_living_worker_counts(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    job_store = JobStore(client)
    assert job_store.most_memory() is None
    job_store.announce("small", 2 * GB)
    job_store.announce("large", 64 * GB)
    job_store.announce("small", 3 * GB)
    assert job_store.most_memory() == 64 * GB
    monkeypatch.setattr(workers_module, "ANNOUNCED_S", -1)
    job_store.announce("large", 64 * GB)
    assert job_store.most_memory() == 3 * GB
    job_store.announce("small", 3 * GB)
    assert job_store.most_memory() is None


async def test_copies_on_further_devices_are_estimated_and_are_no_reason_to_refuse(queue: JobQueue) -> None:
    (one,) = await with_memory([planned("vgg16", batch_size=32)], queue, None, dataset_info)
    queue.jobs.announce("a worker", one.estimated_bytes or 0)
    (four,) = await with_memory([planned("vgg16", batch_size=32, devices=4)], queue, None, dataset_info)
    assert (four.estimated_bytes or 0) > (one.estimated_bytes or 0) + GB


async def test_a_training_that_fits_no_worker_is_refused_with_the_batch_size_that_would(queue: JobQueue) -> None:
    queue.jobs.announce("a worker", 4 * GB)
    (estimated,) = await with_memory([SMALL], queue, None, dataset_info)
    assert 8e8 < (estimated.estimated_bytes or 0) < 2 * GB
    with pytest.raises(RequestInvalid) as refused:
        await with_memory([SMALL, LARGE_BATCHES], queue, None, dataset_info)
    assert refused.value.loc == ("batch_size",)
    assert "no worker allows more than 4.0 GB; expected at most" in refused.value.message
    fitting = int(refused.value.message.split("at most ")[1].split(",")[0])
    await with_memory([planned("alexnet", batch_size=fitting)], queue, None, dataset_info)
    with pytest.raises(RequestInvalid):
        await with_memory([planned("alexnet", batch_size=2 * fitting)], queue, None, dataset_info)


async def test_a_network_that_never_fits_is_refused_as_such(queue: JobQueue) -> None:
    queue.jobs.announce("a worker", GB)
    with pytest.raises(RequestInvalid) as refused:
        await with_memory([LARGE_BATCHES], queue, None, dataset_info)
    assert refused.value.loc == ("architecture",)
    assert "smaller network" in refused.value.message


async def test_while_no_worker_is_known_a_setting_decides_and_without_one_all_is_accepted(queue: JobQueue) -> None:
    await with_memory([LARGE_BATCHES], queue, None, dataset_info)
    with pytest.raises(RequestInvalid):
        await with_memory([LARGE_BATCHES], queue, 4 * GB, dataset_info)


async def test_an_estimate_reaches_the_worker_that_claims_the_job(queue: JobQueue) -> None:
    jobs = await with_memory([SMALL, SMALL], queue, None, dataset_info)
    alone = await queue.submit(jobs[0], "", "", "r-1", LOCAL)
    group = await queue.submit_group({}, jobs, "", "", "r-1", LOCAL)
    claims = [queue.jobs.claim(job.id) for job in (alone, *group.jobs)]
    assert [claim.estimated_bytes for claim in claims if claim] == [jobs[0].estimated_bytes] * 3
    unknown = queue.jobs.claim(queue.jobs.submit(SMALL.plan).id)
    assert unknown is not None
    assert unknown.estimated_bytes is None
