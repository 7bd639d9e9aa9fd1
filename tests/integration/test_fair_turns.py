"""Whose job is next: owners take turns by the worker time they have used, and jobs say where they stand."""

import heapq

import pytest
import redis

from service.telemetry.metrics import Metrics
from worker.job_store import keys
from worker.job_store.store import JobStore
from worker.job_store.workers import claimant_of
from worker.jobs.labels import Labels
from worker.jobs.plan import plan
from worker.jobs.records import Claim, History, Progress, PublishedModel
from worker.jobs.request import JobRequest
from worker.jobs.workers import Gpu, WorkerFacts

PLAN = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2))
MODEL = PublishedModel(name="shirts", version=1, test_loss=0.5, test_accuracy=0.8)
HALF_LIFE_S = 10_000.0
USAGE = f"{keys.PREFIX}usage"


@pytest.fixture
def job_store(client: redis.Redis) -> JobStore:
    return JobStore(client, half_life_s=HALF_LIFE_S)


def submitted(job_store: JobStore, owner: str, priority: int = 0) -> str:
    return job_store.submit(PLAN, labels=Labels(priority=priority), owner=owner).id


def claimed(job_store: JobStore) -> Claim:
    claim = job_store.claim()
    assert claim is not None
    return claim


def owners_of_claims(job_store: JobStore, n: int) -> list[str]:
    return [job_store.get(claimed(job_store).job).owner for _ in range(n)]


def as_if_it_ran(client: redis.Redis, claim: Claim, seconds: float) -> None:
    client.hincrbyfloat(keys.job_key(claim.job), "started_at", -seconds)


def test_one_who_queues_many_jobs_does_not_keep_others_waiting(job_store: JobStore) -> None:
    for _ in range(5):
        submitted(job_store, "ann")
    for owner in ("ben", "cem"):
        submitted(job_store, owner)
    assert owners_of_claims(job_store, 7) == ["ann", "ben", "cem", "ann", "ann", "ann", "ann"]


def test_of_ones_own_jobs_the_highest_priority_is_first_and_then_the_oldest(job_store: JobStore) -> None:
    jobs = {
        name: submitted(job_store, "ann", priority)
        for name, priority in (("first", 0), ("low", -10), ("second", 0), ("high", 10))
    }
    order = ["high", "first", "second", "low"]
    assert [job_store.get(jobs[name]).position for name in order] == [1, 2, 3, 4]
    assert [claimed(job_store).job for _ in order] == [jobs[name] for name in order]


def test_a_priority_does_not_overtake_other_owners(job_store: JobStore) -> None:
    submitted(job_store, "ann")
    submitted(job_store, "ben", priority=10)
    assert owners_of_claims(job_store, 2) == ["ann", "ben"]


def test_worker_time_counts_less_with_time(job_store: JobStore, client: redis.Redis) -> None:
    for owner in ("ann", "ben", "ben"):
        submitted(job_store, owner)
    client.hset(USAGE, mapping={"ann": f"1000 {now(client)}", "ben": f"900 {now(client)}"})
    assert owners_of_claims(job_store, 1) == ["ben"]
    client.hset(USAGE, mapping={"ann": f"1000 {now(client) - HALF_LIFE_S}", "ben": f"900 {now(client)}"})
    assert owners_of_claims(job_store, 1) == ["ann"]


def now(client: redis.Redis) -> float:
    seconds, microseconds = client.time()
    return float(seconds) + float(microseconds) / 1e6


def used(client: redis.Redis, owner: str) -> float:
    return float(str(client.hget(USAGE, owner)).split()[0])


def test_an_owner_pays_for_the_time_a_job_ran(job_store: JobStore, client: redis.Redis) -> None:
    submitted(job_store, "ann")
    claim = claimed(job_store)
    assert used(client, "ann") == pytest.approx(60, abs=1)  # what a training is expected to take
    as_if_it_ran(client, claim, 90)
    job_store.heartbeat(claim, Progress(), History())
    assert used(client, "ann") == pytest.approx(90, abs=2)
    as_if_it_ran(client, claim, 10)
    assert job_store.succeed(claim, MODEL)
    assert used(client, "ann") == pytest.approx(100, abs=3)
    submitted(job_store, "ben")
    claim = claimed(job_store)
    assert used(client, "ben") == pytest.approx(100, abs=3)  # as the job before
    assert job_store.give_back(claim)
    assert used(client, "ben") == pytest.approx(0, abs=3)


def test_positions_are_the_order_of_claims(job_store: JobStore, client: redis.Redis) -> None:
    client.hset(USAGE, mapping={"ann": f"95 {now(client)}", "dora": f"10 {now(client)}"})
    jobs = [submitted(job_store, owner) for owner in ("ann", "ann", "ben", "dora", "ben", "ann", "cem", "dora", "ben")]
    by_position = sorted(jobs, key=lambda job: job_store.get(job).position or 0)
    assert [job_store.get(job).position for job in by_position] == list(range(1, len(jobs) + 1))
    for job in by_position:
        assert job_store.get(job).position == 1
        assert claimed(job_store).job == job


def test_a_position_moves_when_another_owner_comes(job_store: JobStore) -> None:
    mine = [submitted(job_store, "ann") for _ in range(3)]
    submitted(job_store, "ben")
    assert [job_store.get(job).position for job in mine] == [1, 3, 4]


def test_a_start_is_foretold_from_what_runs_and_what_is_ahead(job_store: JobStore) -> None:
    jobs = [submitted(job_store, "ann") for _ in range(4)]
    assert job_store.get(jobs[0]).eta_s is None
    job_store.announce("a worker", 1)
    job_store.announce("another one", 1)
    assert [job_store.get(job).eta_s for job in jobs] == [0, 0, 60, 60]
    claim = claimed(job_store)
    job_store.heartbeat(claim, Progress(phase="training", eta_s=20), History())
    claimed(job_store)
    assert job_store.get(jobs[2]).eta_s == pytest.approx(20, abs=2)
    assert job_store.get(jobs[3]).eta_s == pytest.approx(60, abs=2)
    assert job_store.get(claim.job).eta_s is None


def test_each_start_takes_the_worker_that_is_free_first(job_store: JobStore) -> None:
    left_s = (95, 12, 200, 47, 31, 130, 31)
    jobs = [submitted(job_store, "ann") for _ in range(len(left_s) + 25)]
    for seconds in left_s:
        job_store.heartbeat(claimed(job_store), Progress(phase="training", eta_s=seconds), History())
    free, expected = sorted(left_s), []
    for _ in jobs[len(left_s) :]:
        expected.append(heapq.heapreplace(free, free[0] + 60))
    assert [record.eta_s for record in job_store.existing(jobs[len(left_s) :])] == expected


def test_labels_come_back(job_store: JobStore) -> None:
    record = job_store.submit(PLAN, labels=Labels(tags=("week-3",), note="again", priority=3), owner="ann")
    assert (record.owner, record.tags, record.note, record.priority) == ("ann", ("week-3",), "again", 3)
    assert job_store.submit(PLAN).owner == "local"


def test_a_claimant_that_did_not_hear_which_job_was_next_is_told_again(job_store: JobStore) -> None:
    submitted(job_store, "ann"), submitted(job_store, "ann")
    first, again = job_store.claim(claimant="me"), job_store.claim(claimant="me")
    assert first is not None
    assert first == again
    assert job_store.claim(claimant="you") != first


def test_workers_say_what_they_run_and_are_forgotten_when_they_are_silent(
    job_store: JobStore, client: redis.Redis
) -> None:
    gpu = Gpu(name="a GPU", used_bytes=1, total_bytes=2, utilization=0.5)
    job_store.announce("idle", 10)
    job_store.announce("busy", 20, WorkerFacts(host="here", gpus=(gpu,)))
    client.hset(f"{keys.PREFIX}workers", "gone", "1000 30")
    job = submitted(job_store, "ann")
    claim = job_store.claim(claimant=claimant_of("busy"))
    assert claim is not None
    job_store.heartbeat(claim, Progress(phase="training", epoch=1), History())
    busy, idle = job_store.workers()
    assert (idle.id, idle.running, idle.trainer_bytes, idle.gpus) == ("idle", None, 10, ())
    assert (busy.id, busy.host, busy.gpus, busy.trainer_bytes) == ("busy", "here", (gpu,), 20)
    assert busy.running is not None
    assert (busy.running.job, busy.running.owner, busy.running.progress.epoch) == (job, "ann", 1)
    assert busy.running.since is not None
    plan = job_store.get(job).request
    assert (busy.running.model, busy.running.dataset) == (plan.model, plan.dataset)
    assert (busy.running.architecture, busy.running.attempt) == (plan.architecture_name, 1)
    page = Metrics().page([], job_store.overview(), job_store.workers()).decode()
    assert 'convserve_worker_busy{host="here",worker="busy"} 1.0' in page
    assert 'convserve_worker_gpu_utilization{gpu="0",host="here",worker="busy"} 0.5' in page
