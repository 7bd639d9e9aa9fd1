"""The book of jobs: every job's record in Redis, and the only code that changes one.

A record is the truth about its job; a Celery message is only a bell. Writers hold a claim, and a write under an
outdated claim is refused, so a worker given up for dead can do no harm. This module knows neither HTTP nor Celery.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.job_store import job_scripts
from worker.jobs.errors import (
    ClaimLost,
    IdempotencyConflict,
    JobNotFinished,
    JobNotFound,
    QueueUnavailable,
)
from worker.jobs.plan import TrainingPlan
from worker.jobs.records import (
    NO_ORIGIN,
    Claim,
    History,
    JobFailure,
    JobRecord,
    Origin,
    Progress,
    PublishedModel,
    QueueOverview,
)
from worker.jobs.states import FINISHED, JobState, origins

PREFIX = "convserve:"
LEASE_S = 30.0  # a worker is heard of every second; a machine that swaps or a network that flaps must not lose a job
MAX_ATTEMPTS = 3
WATCH_S = 15  # after which another process takes over from a reaper that is not heard of
IDEMPOTENCY_KEPT_S = 48 * 3600
LOG_LINES_KEPT = 2000
ID_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # no look-alikes: ids are read aloud in class
ANSWER_TIMEOUT_S = 2.0


def connect(redis_url: str) -> redis.Redis:
    """A client that answers or fails within about two seconds: callers have their own deadlines to keep."""
    keepalive = {} if redis_url.startswith("unix:") else {"socket_keepalive": True}
    return redis.Redis.from_url(
        redis_url,
        decode_responses=True,
        socket_connect_timeout=ANSWER_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        **keepalive,
        retry=Retry(NoBackoff(), 1),
        health_check_interval=25,
    )


def new_id() -> str:
    """A name for a job or a group that nobody has had before."""
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(10))


def hashed_key(idempotency_key: str) -> str:
    """What an idempotency key is kept under; nothing when there is none."""
    return hashlib.sha256(idempotency_key.encode()).hexdigest() if idempotency_key else ""


def events_key(job: str) -> str:
    """Key of the stream that holds a job's events."""
    return f"{PREFIX}job:{job}:events"


def group_jobs_key(group: str) -> str:
    """Key of the list of a group's jobs, in the order of their submission."""
    return f"{PREFIX}group:{group}:jobs"


class JobStore:
    """All jobs on one Redis server.

    Every method raises `QueueUnavailable` when the server does not answer.

    Args:
        client: of the server.
        lease_s: how long a claim holds without a heartbeat.
    """

    def __init__(self, client: redis.Redis, lease_s: float = LEASE_S) -> None:
        self._redis = client
        self._lease_s = lease_s
        self._scripts = {
            name: client.register_script(source) for name, source in vars(job_scripts).items() if name.isupper()
        }

    # -- what clients do ---------------------------------------------------------------------------------------

    def submit(
        self, plan: TrainingPlan, idempotency_key: str = "", digest: str = "", origin: Origin = NO_ORIGIN
    ) -> JobRecord:
        """Write a new job as `queued`.

        Args:
            plan: what to run.
            idempotency_key: a second submission under the same key returns the first one's job.
            digest: of the request as the client sent it, to tell a repetition from a different request.
            origin: who submits; a repetition does not change it.

        Raises:
            IdempotencyConflict: the key came before with a different request.
        """
        job = new_id()
        body = plan.model_dump_json()
        key = hashed_key(idempotency_key)
        _, job, first_digest = self._run(
            "SUBMIT", job, body, key, digest, IDEMPOTENCY_KEPT_S, origin.request_id, origin.traceparent
        )
        if first_digest != digest:
            raise IdempotencyConflict(idempotency_key, job)
        return self.get(job)

    def is_repetition(self, idempotency_key: str) -> bool:
        """Whether something was submitted under this key."""
        with server_errors():
            return bool(self._redis.exists(f"{PREFIX}idempotency:{hashed_key(idempotency_key)}"))

    def get(self, job: str) -> JobRecord:
        """One job. Raises `JobNotFound`."""
        with server_errors():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.hgetall(_key(job))
            pipeline.zrank(PREFIX + "queued", job)
            fields, rank = pipeline.execute()
        if not fields:
            raise JobNotFound(job)
        return _record(fields, rank)

    def page(
        self, states: Sequence[JobState] = (), offset: int = 0, limit: int = 50, group: str | None = None
    ) -> tuple[list[JobRecord], int]:
        """Jobs in the given states (none given: all) and group, newest first, and how many there are in all."""
        with server_errors():
            ids = self._ids(group)
            if not states:
                shown, total = ids[offset : offset + limit], len(ids)
            else:
                pipeline = self._redis.pipeline(transaction=False)
                for job in ids:
                    pipeline.hget(_key(job), "state")
                matching = [job for job, state in zip(ids, pipeline.execute(), strict=True) if state in states]
                shown, total = matching[offset : offset + limit], len(matching)
        return list(self._existing(shown)), total

    def cancel(self, job: str) -> JobRecord:
        """End a job: at once when queued, through its worker when running, not at all when it has ended."""
        if not self._move(job, JobState.CANCELLED, origins(JobState.CANCELLED) - {JobState.RUNNING}):
            self._run("ASK_TO_CANCEL", job)
        return self.get(job)

    def forget(self, job: str) -> None:
        """Remove a finished job's record. Raises `JobNotFound`, `JobNotFinished`."""
        state = self._run("FORGET", job, _listed(FINISHED))
        if state == "missing":
            raise JobNotFound(job)
        if state not in FINISHED:
            raise JobNotFinished(job, state)

    def log(self, job: str) -> list[str]:
        """The job's log, oldest line first. Raises `JobNotFound`."""
        self.get(job)
        with server_errors():
            return cast(list[str], self._redis.lrange(_key(job) + ":log", 0, -1))

    def ping(self) -> None:
        """Return when the server answers."""
        with server_errors():
            self._redis.ping()

    def overview(self) -> QueueOverview:
        """All jobs in a few numbers, counted on the server at one moment."""
        flat, queued, longest_wait_s, running = self._run("OVERVIEW")
        counts = dict(zip(flat[::2], flat[1::2], strict=True))
        paces = (Progress.model_validate_json(progress).images_per_second for progress in running)
        return QueueOverview(
            jobs={state: counts.get(state, 0) for state in JobState},
            queued=queued,
            longest_wait_s=float(longest_wait_s),
            images_per_second=sum(pace for pace in paces if pace is not None),
        )

    # -- what workers do ---------------------------------------------------------------------------------------

    def claim(self, job: str, claimant: str | None = None) -> Claim | None:
        """Take a queued job; None when it is not there to be taken, as after a message that came twice.

        Args:
            job: its id.
            claimant: a name nobody else uses. Whoever did not hear the answer asks again under the same name, and gets
                the claim made before. Default: a new name.
        """
        answer = self._run("CLAIM", job, _listed(origins(JobState.RUNNING)), self._lease_s, claimant or new_id())
        if not answer:
            return None
        request, attempt, fence, request_id, traceparent, draft = answer
        return Claim(
            job=job,
            plan=TrainingPlan.model_validate_json(request),
            attempt=attempt,
            fence=fence,
            origin=Origin(request_id=request_id, traceparent=traceparent),
            draft=draft or None,
        )

    def heartbeat(self, claim: Claim, progress: Progress, history: History, event: str = "") -> bool:
        """Renew the lease and write how far the job is.

        Args:
            claim: the right to write.
            progress: replaces what was there.
            history: replaces what was there, so a write that was missed costs nothing.
            event: `progress` or `epoch` to tell those who follow the job, or nothing.

        Returns:
            Whether somebody asked for the job to be cancelled.

        Raises:
            ClaimLost: the job is no longer this claim's.
        """
        held, cancel = self._run(
            "HEARTBEAT",
            claim.job,
            claim.fence,
            self._lease_s,
            progress.model_dump_json(),
            history.model_dump_json(),
            event,
        )
        if not held:
            raise ClaimLost(claim.job, claim.fence)
        return bool(cancel)

    def begin_commit(self, claim: Claim, version: int) -> bool:
        """Ask leave to publish a version; once given, the job can no longer be cancelled."""
        return bool(self._run("BEGIN_COMMIT", claim.job, claim.fence, version))

    def end_commit(self, claim: Claim) -> bool:
        """Say that the version an earlier claim was about to publish never will be. False when the claim was lost."""
        return bool(self._run("END_COMMIT", claim.job, claim.fence))

    def succeed(self, claim: Claim, model: PublishedModel) -> bool:
        """End a job well. False when the claim was lost."""
        return self._end(claim, JobState.SUCCEEDED, {"model": model.model_dump_json()})

    def fail(self, claim: Claim, failure: JobFailure) -> bool:
        """End a job with its reason. False when the claim was lost.

        A job that has leave to publish is queued instead: whoever claims it next finds out whether its version exists.
        """
        return self._end(claim, JobState.FAILED, {"error": failure.model_dump_json()})

    def end_cancelled(self, claim: Claim) -> bool:
        """End a job that somebody cancelled. False when the claim was lost."""
        return self._end(claim, JobState.CANCELLED, {})

    def give_back(self, claim: Claim) -> bool:
        """Put a job back into the queue unharmed, as when its worker is told to stop. False when the claim was lost.

        A job that is to be cancelled is, here and in `retry`.
        """
        return self._end(claim, JobState.QUEUED, {"attempt": str(claim.attempt - 1)})

    def retry(self, claim: Claim, failure: JobFailure) -> bool:
        """End an attempt that did not fail by the job's own doing: queue the job again, or fail it after the last one.

        Returns:
            False when the claim was lost.
        """
        if claim.attempt < MAX_ATTEMPTS:
            return self._end(claim, JobState.QUEUED, {})
        return self.fail(claim, failure)

    def is_over(self, job: str) -> bool:
        """Whether a job has ended for good, or was forgotten since."""
        with server_errors():
            state = cast(str | None, self._redis.hget(f"{PREFIX}job:{job}", "state"))
        return state is None or JobState(state) in FINISHED

    def append_log(self, job: str, lines: Sequence[str]) -> None:
        """Add lines to the job's log."""
        with server_errors():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.rpush(_key(job) + ":log", *lines)
            pipeline.ltrim(_key(job) + ":log", -LOG_LINES_KEPT, -1)
            pipeline.execute()

    # -- what the reaper does ----------------------------------------------------------------------------------

    def queued(self) -> list[str]:
        """Ids of the jobs that wait, first come first."""
        with server_errors():
            return cast(list[str], self._redis.zrange(PREFIX + "queued", 0, -1))

    def take_watch(self, name: str) -> bool:
        """Become, or stay, the one who looks after lost jobs; False while somebody else is."""
        return bool(self._run("TAKE_WATCH", name, WATCH_S))

    def expired(self) -> list[Claim]:
        """Claims whose worker has not been heard of for a whole lease."""
        ids: list[str] = self._run("EXPIRED")
        with server_errors():
            rows = [(job, self._redis.hmget(_key(job), "request", "attempt", "fence")) for job in ids]
        return [
            Claim(job=job, plan=TrainingPlan.model_validate_json(request), attempt=attempt, fence=fence)
            for job, (request, attempt, fence) in rows
            if request and fence
        ]

    # -- how it is done ----------------------------------------------------------------------------------------

    def _end(self, claim: Claim, target: JobState, fields: Mapping[str, str]) -> bool:
        return self._move(claim.job, target, origins(target) & {JobState.RUNNING}, str(claim.fence), fields)

    def _move(
        self,
        job: str,
        target: JobState,
        sources: frozenset[JobState],
        fence: str = "",
        fields: Mapping[str, str] | None = None,
    ) -> bool:
        flat = [item for pair in (fields or {}).items() for item in pair]
        state, moved = self._run("MOVE", job, target, _listed(sources), fence, *flat)
        if state == "missing":
            raise JobNotFound(job)
        return bool(moved)

    def _ids(self, group: str | None) -> list[str]:
        """Ids of all jobs, or of those of a group, newest first."""
        if group is None:
            return cast(list[str], self._redis.zrevrange(PREFIX + "jobs", 0, -1))
        return cast(list[str], self._redis.lrange(group_jobs_key(group), 0, -1))[::-1]

    def _existing(self, ids: Sequence[str]) -> Iterator[JobRecord]:
        with server_errors():
            pipeline = self._redis.pipeline(transaction=False)
            for job in ids:
                pipeline.hgetall(_key(job))
                pipeline.zrank(PREFIX + "queued", job)
            answers = pipeline.execute()
        for fields, rank in zip(answers[::2], answers[1::2], strict=True):
            if fields:
                yield _record(fields, rank)

    def _run(self, script: str, *arguments: str | float) -> Any:  # noqa: ANN401 - each script has its own answer
        with server_errors():
            return self._scripts[script](keys=[PREFIX], args=list(arguments))


@contextmanager
def server_errors() -> Iterator[None]:
    """Turn redis-py's errors into `QueueUnavailable`."""
    try:
        yield
    except redis.RedisError as error:
        raise QueueUnavailable(str(error)) from error


def _key(job: str) -> str:
    return f"{PREFIX}job:{job}"


def _listed(states: frozenset[JobState]) -> str:
    return ",".join(sorted(states))


def _record(fields: Mapping[str, str], rank: int | None) -> JobRecord:
    """A record from its Redis hash; structured fields are JSON, times are seconds since the epoch."""
    decoders: dict[str, Callable[[str], Any]] = dict.fromkeys(
        ("request", "varied", "progress", "history", "model", "error"), json.loads
    ) | dict.fromkeys(("created_at", "started_at", "finished_at"), _time)
    values = {name: decoders.get(name, str)(text) for name, text in fields.items()}
    return JobRecord.model_validate(
        {name: value for name, value in values.items() if name in JobRecord.model_fields}
        | {"position": None if rank is None else rank + 1, "cancel_requested": "cancel_requested" in fields}
    )


def _time(seconds: str) -> datetime:
    return datetime.fromtimestamp(float(seconds), tz=UTC)
