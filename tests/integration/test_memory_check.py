"""A training that needs more memory than any worker has is refused before it is queued."""

from collections.abc import Iterator

import pytest
import redis

from service.jobs.memory_check import require_memory
from service.jobs.queue import JobQueue
from tests.fakes import RecordingWakeUps
from worker.datasets import dataset_info
from worker.job_store import store as job_store_module
from worker.job_store.connection import connect
from worker.job_store.groups import GroupStore
from worker.job_store.store import JobStore
from worker.jobs.plan import TrainingPlan, plan
from worker.jobs.request import JobRequest, RequestInvalid
from worker.telemetry.tracing import NoTracing

pytestmark = pytest.mark.anyio

GB = 10**9


def planned(architecture: str, **fields: object) -> TrainingPlan:
    body = {"architecture": architecture, "dataset": "fashion_mnist_sample", "epochs": 1} | fields
    return plan(JobRequest.model_validate(body))


SMALL = planned("lenet5-fashion")
LARGE_BATCHES = planned("alexnet", batch_size=512)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with connect(redis_url) as client:
        yield client


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
    monkeypatch.setattr(job_store_module, "ANNOUNCED_S", -1)
    job_store.announce("large", 64 * GB)
    assert job_store.most_memory() == 3 * GB
    job_store.announce("small", 3 * GB)
    assert job_store.most_memory() is None


async def test_a_training_that_fits_no_worker_is_refused_with_the_batch_size_that_would(queue: JobQueue) -> None:
    queue.jobs.announce("a worker", 4 * GB)
    await require_memory([SMALL], queue, None, dataset_info)
    with pytest.raises(RequestInvalid) as refused:
        await require_memory([SMALL, LARGE_BATCHES], queue, None, dataset_info)
    assert refused.value.loc == ("batch_size",)
    assert "no worker allows more than 4.0 GB; expected at most" in refused.value.message
    fitting = int(refused.value.message.split("at most ")[1].split(",")[0])
    await require_memory([LARGE_BATCHES.model_copy(update={"batch_size": fitting})], queue, None, dataset_info)
    with pytest.raises(RequestInvalid):
        await require_memory([LARGE_BATCHES.model_copy(update={"batch_size": 2 * fitting})], queue, None, dataset_info)


async def test_a_network_that_never_fits_is_refused_as_such(queue: JobQueue) -> None:
    queue.jobs.announce("a worker", GB)
    with pytest.raises(RequestInvalid) as refused:
        await require_memory([LARGE_BATCHES], queue, None, dataset_info)
    assert refused.value.loc == ("architecture",)
    assert "smaller network" in refused.value.message


async def test_while_no_worker_is_known_a_setting_decides_and_without_one_all_is_accepted(queue: JobQueue) -> None:
    await require_memory([LARGE_BATCHES], queue, None, dataset_info)
    with pytest.raises(RequestInvalid):
        await require_memory([LARGE_BATCHES], queue, 4 * GB, dataset_info)
