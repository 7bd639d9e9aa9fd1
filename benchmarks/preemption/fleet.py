"""Workers that are taken away while they train, and others that take their places."""

import time
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

import onnx

from model_store import ModelStore
from tests.busy_machine import wait_until
from tests.promises.preemption import Preemptible, S3Server, trainer_of
from tests.promises.servers import Broker
from worker.artifacts import ONNX_FILE
from worker.job_store.store import JobStore
from worker.job_store.wake_ups import WakeUps
from worker.jobs.plan import plan
from worker.jobs.records import History, JobRecord
from worker.jobs.request import JobRequest
from worker.jobs.states import FINISHED, JobState
from worker.settings import WorkerSettings

KILLS_OF_A_JOB = 5
"""At most. A job may come to its end before it was killed so often."""
EPOCHS = 20
VICTIM_WITHIN_S = 180.0
LONGEST_PAUSE_S = 0.5
"""Between the moment in which a job has come far enough and the kill; an epoch takes about as long."""


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
    """The record of a job after its end."""
    wait_until(lambda: job_store.get(job).state in FINISHED, limit_s, lambda: job_store.get(job))
    return job_store.get(job)


def outcome(store: ModelStore, record: JobRecord) -> tuple[JobState, list[int], list[bytes], History]:
    """Of a job that has ended: its versions, the weights that it has published, and the figures of its epochs."""
    model = record.request.model
    network = onnx.load_from_string(store.read(model, 1, ONNX_FILE))
    weights = sorted(onnx.numpy_helper.to_array(tensor).tobytes() for tensor in network.graph.initializer)
    return record.state, store.versions(model), weights, record.history


class Fleet:
    """Several workers on one queue and one store, each of which may be killed; a context that starts and ends them.

    Args:
        broker: its Redis server.
        s3: where they save.
        directory: for their data and logs.
        size: number of workers.
        settings: of each of them.
    """

    def __init__(self, broker: Broker, s3: S3Server, directory: Path, size: int, **settings: str) -> None:
        self._broker, self._s3, self._directory, self._settings = broker, s3, directory, settings
        self._size = size
        self._workers: list[Preemptible] = []

    def __enter__(self) -> Self:
        self._workers = [self._started(number) for number in range(self._size)]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for worker in self._workers:
            worker.kill()

    def kill_one(self, job_store: JobStore, interrupted: dict[str, list[int]], chance: Random) -> bool:
        """Kill the worker of a job somewhere in its next epoch, note how far the job was, and start another worker.

        Args:
            job_store: of the jobs.
            interrupted: the jobs, each with the epochs that it had finished whenever it was interrupted.
            chance: decides about the moment.

        Returns:
            Whether there was a job left to be interrupted.
        """
        while (job := _next_victim(job_store, interrupted)) is not None:
            time.sleep(chance.uniform(0, LONGEST_PAUSE_S))
            trainer = trainer_of(job_store, job)
            number = next((number for number, worker in enumerate(self._workers) if worker.runs(trainer)), None)
            if number is None:  # the job has ended or lost its worker during the pause
                continue
            self._workers[number].kill()
            interrupted[job].append(len(job_store.get(job).history.loss))
            self._workers[number] = self._started(number)
            return True
        return False

    def _started(self, number: int) -> Preemptible:
        return Preemptible(self._broker, self._s3, self._directory / str(number), **self._settings)


def _next_victim(job_store: JobStore, interrupted: dict[str, list[int]]) -> str | None:
    """A running job that has come further than when it was last interrupted, and is not at its end.

    Waits for one; None once all have been interrupted often enough or are at their end.
    """
    found: list[str | None] = []

    def is_found() -> bool:
        due = {job: epochs for job, epochs in interrupted.items() if len(epochs) < KILLS_OF_A_JOB}
        records = {job: job_store.get(job) for job in due}
        open_jobs = [job for job, record in records.items() if len(record.history.loss) < EPOCHS - 1]
        running = [job for job in open_jobs if records[job].state is JobState.RUNNING]
        found.extend(job for job in running if len(records[job].history.loss) > max(due[job], default=0))
        found.extend([] if open_jobs else [None])
        return bool(found)

    wait_until(is_found, VICTIM_WITHIN_S, lambda: interrupted)
    return found[0]
