"""The workers that are alive, with what they run: each announces itself again and again."""

import time
from typing import Any

from worker.job_store import keys
from worker.job_store.connection import server_errors
from worker.job_store.listing import ListedJobs
from worker.jobs.records import JobRecord
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
            announced, facts, running = pipeline.execute()
        by_worker = self._by_worker(running)
        alive = {}
        for worker, text in sorted(announced.items()):
            expires, trainer_bytes = map(int, text.split())
            if expires >= time.time() - ANNOUNCED_S:  # the clocks of two machines may differ
                alive[worker] = trainer_bytes
        return [
            Worker(
                id=worker,
                trainer_bytes=trainer_bytes,
                running=_running(by_worker[worker]) if worker in by_worker else None,
                **dict(WorkerFacts.model_validate_json(facts.get(worker) or "{}")),
            )
            for worker, trainer_bytes in alive.items()
        ]

    def _by_worker(self, jobs: list[str]) -> dict[str, JobRecord]:
        with server_errors():
            pipeline = self._redis.pipeline(transaction=False)
            for job in jobs:
                pipeline.hget(keys.job_key(job), "claimant")
            claimants: list[Any] = pipeline.execute()
        names = {job: str(name).partition(SEPARATOR)[0] for job, name in zip(jobs, claimants, strict=True) if name}
        return {names[record.id]: record for record in self.existing(list(names))}


def _running(job: JobRecord) -> RunningJob:
    return RunningJob(
        job=job.id,
        owner=job.owner,
        model=job.request.model,
        dataset=job.request.dataset,
        architecture=job.request.architecture_name,
        attempt=job.attempt,
        since=job.started_at,
        progress=job.progress,
    )
