"""Machines that are taken away, with notice and without: no training is lost, and none begins anew."""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
import redis

from model_store import ModelStore, open_store
from tests.busy_machine import is_within, slowness, wait_until
from tests.promises.ledger import Ledger
from tests.promises.preemption import STORE_URL, Preemptible, S3Server, resumptions, s3_server, trainer_of
from tests.promises.servers import Broker
from worker.artifacts import ONNX_FILE
from worker.job_store.store import JobStore
from worker.job_store.wake_ups import WakeUps
from worker.jobs.plan import plan
from worker.jobs.records import History, JobRecord
from worker.jobs.request import JobRequest
from worker.jobs.states import FINISHED, JobState
from worker.settings import WorkerSettings

KILLS = int(os.environ.get("PREEMPTION_KILLS", "200"))
"""Fewer than 200 for a shorter run."""
KILLS_OF_A_JOB = 4
WORKERS = min(4, KILLS // KILLS_OF_A_JOB)
EPOCHS = 20
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


def submit(job_store: JobStore, broker: Broker, model: str, epochs: int = EPOCHS) -> str:
    """A small training with the same result each time; epochs that take longer than saving one."""
    request = JobRequest(
        architecture="lenet5-fashion",
        dataset="fashion_mnist_sample",
        epochs=epochs,
        train_samples=600,
        validation="test",
        batch_size=8,
        seed=1,
        deterministic=True,
        model=model,
    )
    job = job_store.submit(plan(request)).id
    WakeUps(WorkerSettings(redis_url=broker.url).broker_url).notify(job)
    return job


def ended(job_store: JobStore, job: str, limit_s: float = 180) -> JobRecord:
    wait_until(lambda: job_store.get(job).state in FINISHED, limit_s, lambda: job_store.get(job))
    return job_store.get(job)


def outcome(store: ModelStore, record: JobRecord) -> tuple[JobState, list[int], list[bytes], History]:
    """Of a job that has ended: its versions, the weights that it has published, and the figures of its epochs."""
    model = record.request.model
    network = onnx.load_from_string(store.read(model, 1, ONNX_FILE))
    weights = sorted(onnx.numpy_helper.to_array(tensor).tobytes() for tensor in network.graph.initializer)
    return record.state, store.versions(model), weights, record.history


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
        "worker and all its processes killed (`kill -9`) while trainings with `deterministic` save to S3, 4 times in "
        "each: it goes on after the epoch that was saved last, at most one is lost, none fails, each publishes once, "
        "and history and network are those of a training that was left alone",
        few=0,
        many=KILLS,
    ) as promise:
        workers = [Preemptible(broker, s3, tmp_path / str(number), **lease) for number in range(WORKERS)]
        try:
            alone = outcome(store, ended(job_store, submit(job_store, broker, "alone")))
            done: dict[str, list[int]] = {
                submit(job_store, broker, f"taken-{n}"): [] for n in range(KILLS // KILLS_OF_A_JOB)
            }
            for _ in promise:
                job = _next_victim(job_store, done)
                time.sleep(chance.uniform(0, 0.5))
                worker = next(worker for worker in workers if worker.runs(trainer_of(job_store, job)))
                worker.kill()
                done[job].append(len(job_store.get(job).history.loss))
                number = workers.index(worker)
                workers[number] = Preemptible(broker, s3, tmp_path / str(number), **lease)
            for job, before in done.items():
                record, after = ended(job_store, job, 600), resumptions(job_store, job)
                promise.require(outcome(store, record) == alone, f"{job} differs from one left alone: {record.error}")
                most_lost = max(most_lost, *(epoch - resumed for epoch, resumed in zip(before, after, strict=True)))
                promise.require(most_lost <= 1, f"{job} lost epochs: it was at {before}, and went on after {after}")
        finally:
            for worker in workers:
                worker.kill()
        promise.measure(f"{len(done)} trainings, at most {most_lost} epochs lost by a kill")


def _next_victim(job_store: JobStore, done: dict[str, list[int]]) -> str:
    """A running job that has come further than when it was last interrupted, and is not at its end."""
    found: list[str] = []

    def is_found() -> bool:
        for job, interrupted in done.items():
            record, furthest = job_store.get(job), max(interrupted, default=0)
            is_due = len(interrupted) < KILLS_OF_A_JOB and furthest < len(record.history.loss) < EPOCHS - 1
            if is_due and record.state is JobState.RUNNING:
                found.append(job)
                return True
        return False

    wait_until(is_found, 180, lambda: done)
    return found[0]


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
