"""All jobs on one Redis server: submitted, cancelled and forgotten here, read by `ListedJobs`, run by `ClaimedJobs`.

A record is the truth about its job; a Celery message only wakes a worker. This module knows neither HTTP nor Celery.
"""

from collections.abc import Sequence
from typing import cast

from worker.job_store import keys
from worker.job_store.connection import server_errors
from worker.job_store.fields import facets_of, new_fields
from worker.job_store.filters import Found
from worker.job_store.workers import AnnouncedWorkers
from worker.jobs.allowances import UNLIMITED, Allowance
from worker.jobs.errors import AllowanceExceeded, IdempotencyConflict, JobNotFinished, JobNotFound, NothingToFinish
from worker.jobs.labels import LOCAL_OWNER, NO_LABELS, Labels
from worker.jobs.plan import TrainingPlan
from worker.jobs.records import NO_ORIGIN, JobRecord, Origin, Progress, QueueOverview
from worker.jobs.states import JobState

WATCH_S = 15  # after which another process takes over from a reaper that is not heard of
IDEMPOTENCY_KEPT_S = 48 * 3600


class JobStore(AnnouncedWorkers):
    """All jobs on one Redis server.

    Every method raises `QueueUnavailable` when the server does not answer.
    """

    def submit(
        self,
        plan: TrainingPlan,
        idempotency_key: str = "",
        digest: str = "",
        origin: Origin = NO_ORIGIN,
        estimated_bytes: int | None = None,
        labels: Labels = NO_LABELS,
        owner: str = LOCAL_OWNER,
        allowance: Allowance = UNLIMITED,
        estimated_s: float | None = None,
    ) -> JobRecord:
        """Write a new job as `queued`.

        Args:
            plan: what to run.
            idempotency_key: a second submission under the same key returns the first one's job.
            digest: of the request as the client sent it, to tell a repetition from a different request.
            origin: who submits; a repetition does not change it.
            estimated_bytes: of memory, for the worker that limits it; None when it is not known.
            labels: what the client says about it.
            owner: whose turn the job takes.
            allowance: what the owner may have in the queue.
            estimated_s: of the training; None when it is not known.

        Raises:
            IdempotencyConflict: the key came before with a different request.
            AllowanceExceeded: the owner has too many jobs.
        """
        if allowance != UNLIMITED:
            self._open()  # what an earlier version queued counts, too
        key = keys.hashed(idempotency_key)
        job, first_digest, *used = self._scripts.run(
            "submit",
            plan.upload or keys.new_id(),
            plan.model_dump_json(),
            key,
            digest,
            IDEMPOTENCY_KEPT_S,
            new_fields(labels, owner, origin, estimated_bytes, estimated_s, devices=plan.devices),
            facets_of(plan, owner, labels.tags, None),
            owner,
            *allowance.limits,
        )
        if job is None:
            raise exceeded(allowance, 1, [first_digest, *used])
        if first_digest != digest:
            raise IdempotencyConflict(idempotency_key, job)
        return self.get(job)

    def is_repetition(self, idempotency_key: str) -> bool:
        """Whether something was submitted under this key."""
        with server_errors():
            return bool(self._redis.exists(keys.idempotency_key(idempotency_key)))

    def cancel(self, job: str) -> JobRecord:
        """End a job: at once when queued, through its worker when running, not at all when it has ended."""
        self._scripts.run("cancel", job)
        return self.get(job)

    def finish(self, job: str) -> JobRecord:
        """Ask a running job to end its training now and to publish. Raises `JobNotFound`, `NothingToFinish`."""
        state, has_epochs = self._scripts.run("finish", job)
        if state == JobState.QUEUED or (state == JobState.RUNNING and not has_epochs):
            raise NothingToFinish(job, state)
        return self.get(job)

    def cancel_all(self, jobs: Sequence[str]) -> int:
        """Cancel these jobs, and return how many were queued, or running without being about to publish."""
        states = [self._scripts.run("cancel", job) for job in jobs]
        return sum(state in {JobState.QUEUED, JobState.RUNNING} for state in states)

    def forget(self, job: str) -> None:
        """Remove a finished job for good. Raises `JobNotFound`, `JobNotFinished`."""
        state, removed = self._scripts.run("forget", job)
        if state == "missing":
            if not self._forget_archived([job]):
                raise JobNotFound(job)
        elif not removed:
            raise JobNotFinished(job, state, "only a finished job can be deleted: cancel it first")

    def forget_all(self, jobs: Sequence[str]) -> int:
        """Remove those of these jobs that have ended for good, and return how many."""
        answers = {job: self._scripts.run("forget", job) for job in jobs}
        archived = [job for job, (state, _) in answers.items() if state == "missing"]
        return sum(int(removed) for _, removed in answers.values()) + self._forget_archived(archived)

    def _forget_archived(self, jobs: Sequence[str]) -> int:
        if not jobs:
            return 0  # the ledger is not asked: its store may not answer
        groups = {job: record.group for job, record in self._archive.records(jobs).items()}
        forgotten = self._archive.forget(jobs)
        for job in forgotten:
            if group := groups.get(job):
                self._scripts.run("leave_group", job, group)
        return len(forgotten)

    def retirable(self, kept: int, most: int) -> list[Found]:
        """The oldest finished jobs on the server, if there are so many more than `kept`; else none."""
        rows = self._scripts.run("retirable", kept, most)
        return [Found(job, int(sequence)) for job, sequence in zip(rows[::2], rows[1::2], strict=True)]

    def retire(self, jobs: Sequence[str]) -> None:
        """Remove finished jobs that are in the ledger from the server."""
        self._scripts.run("retire", *jobs)

    def continue_after(self, sequence: int) -> None:
        """Give new jobs higher numbers than this one: the ledger may be older than the server."""
        self._scripts.run("continue_after", sequence)

    def ping(self) -> None:
        """Return when the server answers."""
        with server_errors():
            self._redis.ping()

    def overview(self) -> QueueOverview:
        """All jobs in a few numbers, from the server at one moment."""
        self._open()
        flat, queued, longest_wait_s, running = self._scripts.run("overview")
        counts = dict(zip(flat[::2], flat[1::2], strict=True))
        archived = self._archive.counts()
        paces = (Progress.model_validate_json(progress).images_per_second for progress in running)
        return QueueOverview(
            jobs={state: counts.get(state, 0) + archived.get(state, 0) for state in JobState},
            queued=queued,
            longest_wait_s=float(longest_wait_s),
            images_per_second=sum(pace for pace in paces if pace is not None),
        )

    def queued(self, most: int | None = None) -> list[str]:
        """Ids of the jobs that wait, in the order they were submitted: `most`, at least 1, or all."""
        with server_errors():
            return cast(list[str], self._redis.zrange(keys.QUEUED, 0, -1 if most is None else most - 1))

    def devices_needed(self, jobs: Sequence[str]) -> list[int]:
        """How many devices each of these jobs needs."""
        with server_errors():
            pipeline = self._redis.pipeline(transaction=False)
            for job in jobs:
                pipeline.hget(keys.job_key(job), "devices")
            return [int(devices or 1) for devices in pipeline.execute()]

    def n_queued(self) -> int:
        """How many jobs wait."""
        with server_errors():
            return int(self._redis.zcard(keys.QUEUED))

    def in_queue(self, owner: str) -> tuple[int, float, float]:
        """What an owner has in the queue: jobs, and the seconds of those that wait; and the seconds of any training."""
        self._open()
        jobs, waiting_s, each_s = self._scripts.run("in_queue", owner)
        return int(jobs), float(waiting_s), float(each_s)

    def take_watch(self, name: str) -> bool:
        """Become, or stay, the one process that looks after lost jobs; False while another one is."""
        return bool(self._scripts.run("take_watch", name, WATCH_S))


def exceeded(allowance: Allowance, n_more: int, used: Sequence[str | int]) -> AllowanceExceeded:
    """The error that a script's refusal means: `used` are jobs, seconds of those that wait, and seconds of each."""
    jobs, waiting_s, each_s = used
    return AllowanceExceeded(allowance, n_more, int(jobs), float(waiting_s), float(each_s))
