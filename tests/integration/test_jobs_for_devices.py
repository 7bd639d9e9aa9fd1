"""Jobs that need several devices: workers with fewer leave them alone, and one that no worker can run is refused."""

import pytest
import redis

from service.jobs.device_check import require_devices
from service.jobs.queue import JobQueue
from tests.fakes import RecordingWakeUps
from tests.plans import planned
from worker.job_store import keys
from worker.job_store.groups import GroupStore
from worker.job_store.store import JobStore
from worker.jobs.grids import PlannedJob
from worker.jobs.request import RequestInvalid
from worker.jobs.workers import WorkerFacts
from worker.telemetry.tracing import NoTracing

pytestmark = pytest.mark.anyio


def test_a_worker_with_fewer_devices_takes_the_next_job(job_store: JobStore, client: redis.Redis) -> None:
    wide = job_store.submit(planned(devices=2)).id
    narrow = job_store.submit(planned()).id
    assert client.hmget(keys.job_key(wide), "format", "devices") == ["2", "2"]
    assert client.hmget(keys.job_key(narrow), "format", "devices") == ["1", None]
    assert job_store.claim(wide) is None
    first, second = job_store.claim(), job_store.claim()
    assert first is not None
    assert first.job == narrow
    assert second is None
    taken = job_store.claim(devices=2)
    assert taken is not None
    assert (taken.job, taken.plan.devices) == (wide, 2)


async def test_a_job_that_no_worker_has_the_devices_for_is_refused(client: redis.Redis, redis_url: str) -> None:
    jobs = JobStore(client)
    queue = JobQueue(jobs, GroupStore(client, jobs), RecordingWakeUps(), redis_url, NoTracing())
    wanted = [PlannedJob(varied={}, plan=planned(devices=2))]
    await require_devices(wanted, queue)  # no worker is known: it waits for one
    jobs.announce("old", 10**9)
    with pytest.raises(RequestInvalid, match="no worker has so many; expected at most 1, got 2"):
        await require_devices(wanted, queue)
    jobs.announce("new", 10**9, WorkerFacts(devices=2))
    await require_devices(wanted, queue)
    assert [worker.devices for worker in jobs.workers()] == [2, 1]
