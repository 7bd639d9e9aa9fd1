"""Machines that are taken away, with notice and without: no training is lost, and none begins anew."""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from benchmarks.preemption.fleet import Fleet, ended, outcome, submit
from model_store import ModelStore, open_store
from tests.busy_machine import is_within, slowness, wait_until
from tests.promises.ledger import Ledger
from tests.promises.preemption import STORE_URL, Preemptible, S3Server, resumptions, s3_server
from tests.promises.servers import Broker
from worker.job_store.store import JobStore
from worker.jobs.states import JobState

KILLS = int(os.environ.get("PREEMPTION_KILLS", "12"))
"""`python -m benchmarks.preemption` kills 200 times, and goes on when it was interrupted."""
JOBS = max(1, KILLS // 4)
WORKERS = min(4, JOBS)
PAUSE_GRACE_S = 5


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def store(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return open_store(STORE_URL)


@pytest.fixture
def job_store(broker: Broker) -> Iterator[JobStore]:
    with redis.Redis.from_url(broker.url, decode_responses=True) as client:  # waits for an answer as long as it takes
        yield JobStore(client)


@pytest.fixture
def lease() -> dict[str, str]:
    """A short one on a quiet machine; on a busy one, what is only slow must not count as lost."""
    return {"CONVSERVE_LEASE_S": str(min(20, 4 * max(1, round(slowness()))))}


def test_workers_taken_away_without_notice(
    ledger: Ledger,
    broker: Broker,
    s3: S3Server,
    store: ModelStore,
    job_store: JobStore,
    lease: dict[str, str],
    tmp_path: Path,
) -> None:
    chance, most_lost = random.Random(3), 0
    with ledger.promise(
        "worker and all its processes killed (`kill -9`) while trainings with `deterministic` save to S3, several "
        "times in each: it goes on after the epoch that was saved last, at most one is lost, none fails, each "
        "publishes once, and history and network are those of a training that was left alone",
        few=0,
        many=KILLS,
    ) as promise:
        with Fleet(broker, s3, tmp_path, WORKERS, **lease) as fleet:
            alone = outcome(store, ended(job_store, submit(job_store, broker, "alone")))
            done: dict[str, list[int]] = {submit(job_store, broker, f"taken-{n}"): [] for n in range(JOBS)}
            for _ in promise:
                was_killed = fleet.kill_one(job_store, done, chance)
                promise.require(was_killed, f"no training was left to be interrupted: {done}")
            for job, before in done.items():
                record, after = ended(job_store, job, 600), resumptions(job_store, job)
                promise.require(outcome(store, record) == alone, f"{job} differs from one left alone: {record.error}")
                most_lost = max(most_lost, *(epoch - resumed for epoch, resumed in zip(before, after, strict=True)))
                promise.require(most_lost <= 1, f"{job} lost epochs: it was at {before}, and went on after {after}")
        promise.measure(f"{len(done)} trainings, at most {most_lost} epochs lost by a kill")


def test_a_worker_that_is_told_that_it_will_be_taken_away(
    ledger: Ledger,
    broker: Broker,
    s3: S3Server,
    store: ModelStore,
    job_store: JobStore,
    lease: dict[str, str],
    tmp_path: Path,
) -> None:
    environment = lease | {"CONVSERVE_PAUSE_GRACE_S": str(PAUSE_GRACE_S)}
    took_s = []
    with ledger.promise(
        "worker told to stop (SIGTERM) while it trains and saves to S3, every other time to one that does not answer: "
        "it ends within `CONVSERVE_PAUSE_GRACE_S` and 5 s, the job goes on, without being charged an attempt, after "
        "the epoch that was saved last, and ends with the history and the network of one that was left alone",
        few=0,
        many=min(6, KILLS),
    ) as promise:
        worker = Preemptible(broker, s3, tmp_path, **environment)
        try:
            alone = outcome(store, ended(job_store, submit(job_store, broker, "undisturbed")))
            for number in promise:
                job = submit(job_store, broker, f"told-{number}")
                wait_until(lambda: len(job_store.get(job).history.loss) >= 3, 120)
                if number % 2:
                    s3.hang()
                began = time.monotonic()
                worker.stop()
                took_s.append(time.monotonic() - began)
                promise.require(is_within(took_s[-1], PAUSE_GRACE_S + 5), f"it took {took_s[-1]:.1f} s")
                record = job_store.get(job)
                promise.require(record.state is JobState.QUEUED, f"it was not given back: {record}")
                before = len(record.history.loss)
                s3.go_on()
                worker = Preemptible(broker, s3, tmp_path, **environment)
                record = ended(job_store, job)
                promise.require(record.attempt == 1, f"attempt {record.attempt}")
                (after,) = resumptions(job_store, job)
                promise.require(before - after <= 1, f"it was at epoch {before}, and went on after {after}")
                promise.require(outcome(store, record) == alone, f"{job} differs from one left alone: {record.error}")
        finally:
            s3.go_on()
            worker.kill()
        promise.measure(f"ended after at most {max(took_s):.1f} s with a grace of {PAUSE_GRACE_S} s")
