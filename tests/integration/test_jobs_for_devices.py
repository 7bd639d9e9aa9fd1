"""Jobs that need several devices: workers with fewer leave them alone, and one that no worker can run is refused.

The last test trains one: on a stack whose own worker has one device, by a second worker that has two.
"""

import httpx
import pytest
import redis

from service.jobs.device_check import require_devices
from service.jobs.queue import JobQueue
from tests.busy_machine import wait_until
from tests.fakes import RecordingWakeUps
from tests.plans import planned
from tests.promises.processes import another_worker
from tests.running import SMALL_TRAINING, Stack, submit, wait_for
from tests.unit.service.tiny_networks import grey_picture
from worker.job_store import keys
from worker.job_store.groups import GroupStore
from worker.job_store.store import JobStore
from worker.job_store.workers import claimant_of
from worker.jobs.grids import PlannedJob
from worker.jobs.records import History, Progress
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


def test_a_start_is_foretold_from_the_workers_that_have_the_devices(job_store: JobStore) -> None:
    job_store.announce("narrow", 10**9)
    wide = [job_store.submit(planned(devices=2)).id for _ in range(2)]
    narrow = job_store.submit(planned()).id
    assert [job.eta_s for job in job_store.existing([*wide, narrow])] == [None, None, 0]
    job_store.announce("broad", 10**9, WorkerFacts(devices=2))
    assert [job.eta_s for job in job_store.existing([*wide, narrow])] == [0, 60, 0]
    claim = job_store.claim(claimant=claimant_of("broad"), devices=2)
    assert claim is not None
    job_store.heartbeat(claim, Progress(phase="training", eta_s=20), History())
    assert [job.eta_s for job in job_store.existing([wide[1], narrow])] == [pytest.approx(20, abs=2), 0]


def test_a_start_does_not_depend_on_which_jobs_are_asked_about(job_store: JobStore) -> None:
    job_store.announce("narrow", 10**9)
    wide = [job_store.submit(planned(devices=2)).id for _ in range(3)]
    narrow = [job_store.submit(planned()).id for _ in range(2)]
    assert [job_store.get(job).eta_s for job in narrow] == [0, 60]
    job_store.announce("broad", 10**9, WorkerFacts(devices=2))
    together = [job.eta_s for job in job_store.existing([*wide, *narrow])]
    assert together == [0, 60, 120, 0, 60]
    assert [job_store.get(job).eta_s for job in [*wide, *narrow]] == together
    claim = job_store.claim(claimant=claimant_of("broad"), devices=2)
    assert claim is not None
    job_store.cancel(wide[1])
    assert [job_store.get(job).position for job in (wide[2], *narrow)] == [1, 2, 3]
    assert job_store.get(narrow[1]).eta_s == 60


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


def test_a_whole_job_on_two_devices_is_left_to_the_worker_that_has_them(stack: Stack, api: httpx.Client) -> None:
    wanted = {"devices": 2, "model": "on-two", "train_samples": 100, "epochs": 1}
    wait_until(lambda: told_devices(api) == [1], 30)
    refused = api.post("/jobs", json=SMALL_TRAINING | wanted)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["message"] == "no worker has so many; expected at most 1, got 2"
    with another_worker(stack, CONVSERVE_VIRTUAL_DEVICES="2", CONVSERVE_SPARE_TRAINER="false"):
        wait_until(lambda: told_devices(api) == [1, 2], 30)
        job = wait_for(api, submit(api, **wanted)["id"])
    assert job["state"] == "succeeded", job
    assert (job["request"]["devices"], job["attempt"]) == (2, 1)
    log = api.get(f"/jobs/{job['id']}/log").text
    assert "every batch of 32 pictures is divided among 2 devices" in log
    assert api.get("/models/on-two/versions/1").json()["recipe"]["devices"] == 2
    answer = api.post("/models/on-two/predict", files={"file": ("a.png", grey_picture(4))})
    assert answer.json()["version"] == 1, answer.text


def told_devices(api: httpx.Client) -> list[int]:
    return sorted(worker["devices"] for worker in api.get("/workers").json()["workers"])
