"""The workers that are alive, with what they run: each announces itself again and again."""

import time
from collections.abc import Sequence

from worker.job_store import keys
from worker.job_store.connection import server_errors
from worker.job_store.fields import RUNNING_FIELDS, running_job
from worker.job_store.listing import ListedJobs
from worker.jobs.formats import is_readable
from worker.jobs.workers import RunningJob, Worker, WorkerFacts

ANNOUNCED_S = 60  # a worker announces itself every ten seconds
SEPARATOR = "/"


def claimant_of(worker: str) -> str:
    """A new name under which a worker claims a job; it begins with the worker's own."""
    return f"{worker}{SEPARATOR}{keys.new_id()}"


class AnnouncedWorkers(ListedJobs):
    """Jobs on one Redis server with the workers that run them."""

    def announce(self, worker: str, trainer_bytes: int, facts: WorkerFacts | None = None) -> None:
        """Note that a worker lives, how much memory it allows a trainer, and what else it says about itself."""
        said = (facts or WorkerFacts()).model_dump_json()
        self._scripts.run("announce", worker, trainer_bytes, ANNOUNCED_S, said)

    def most_memory(self) -> int | None:
        """The most memory, in bytes, that a living worker allows a trainer; None when no worker is known."""
        bytes_text: str | None = self._scripts.run("most_memory")
        return int(bytes_text) if bytes_text else None

    def workers(self) -> list[Worker]:
        """The workers that are alive, by their ids."""
        with server_errors():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.hgetall(keys.WORKERS)
            pipeline.hgetall(keys.WORKER_FACTS)
            pipeline.zrange(keys.RUNNING, 0, -1)
            announced, facts, jobs = pipeline.execute()
        running = self._running(jobs)
        alive = {}
        for worker, text in sorted(announced.items()):
            expires, trainer_bytes = map(int, text.split())
            if expires >= time.time() - ANNOUNCED_S:  # the clocks of two machines may differ
                alive[worker] = trainer_bytes
        return [
            Worker(
                id=worker,
                trainer_bytes=trainer_bytes,
                running=running.get(worker),
                **dict(WorkerFacts.model_validate_json(facts.get(worker) or "{}")),
            )
            for worker, trainer_bytes in alive.items()
        ]

    def _running(self, jobs: Sequence[str]) -> dict[str, RunningJob]:
        """What each worker runs.

        Only what is shown is read: with whole records and their histories, 100 running jobs took 25 ms of every
        `/metrics`.
        """
        with server_errors():
            pipeline = self._redis.pipeline(transaction=False)
            for job in jobs:
                pipeline.hmget(keys.job_key(job), ["claimant", *RUNNING_FIELDS])
            rows: list[list[str | None]] = pipeline.execute()
        running = {}
        for job, (claimant, *values) in zip(jobs, rows, strict=True):
            fields = dict(zip(RUNNING_FIELDS, values, strict=True))
            if claimant and is_readable(fields["format"]):
                running[claimant.partition(SEPARATOR)[0]] = running_job(job, fields)
        return running
