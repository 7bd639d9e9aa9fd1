"""Jobs as the HTTP side sees them: every call has a deadline, and a queue that does not answer is an error at once.

The job store is synchronous and shared with the worker; here its calls run in threads, so that a server that hangs
blocks a thread for a while but never the event loop. Only following a job's events uses an asynchronous client.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeVar

import anyio
import anyio.to_thread
import redis.asyncio
from pydantic import JsonValue

from service.keys.callers import Caller
from service.telemetry.heartbeat import Heartbeat
from service.web.quota_errors import QuotaExceeded
from worker.job_store.connection import ANSWER_TIMEOUT_S, server_errors
from worker.job_store.groups import GroupRecord, GroupStore
from worker.job_store.keys import FEED, events_key
from worker.job_store.store import JobStore
from worker.job_store.wake_ups import WakeUps
from worker.jobs.allowances import Allowance
from worker.jobs.errors import AllowanceExceeded, QueueUnavailable
from worker.jobs.grids import PlannedJob
from worker.jobs.records import JobRecord, Origin
from worker.jobs.states import JobState
from worker.telemetry.spans import Tracing

logger = logging.getLogger(__name__)

WAKE_UP_DEADLINE_S = 0.4  # a worker sends the wake-up again when this one does not get through in time
FOLLOW_BLOCK_MS = 10_000

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class JobEvent:
    """One entry of a stream: its id, its kind (`state`, `progress`, `epoch`, `deleted`), its data, and whose it is."""

    id: str
    kind: str
    data: str
    job: str


class JobQueue:
    """Submits, reads and follows jobs. Every method raises `QueueUnavailable` when Redis does not answer in time.

    Args:
        jobs: reached through `call` only, as are the groups.
        groups: on the same server.
        wake_ups: sent for every job that was submitted.
        redis_url: of that server; events are followed through connections of their own.
        tracing: told of every submission.

    Attributes:
        heartbeat: of the server.
    """

    def __init__(self, jobs: JobStore, groups: GroupStore, wake_ups: WakeUps, redis_url: str, tracing: Tracing) -> None:
        self.jobs = jobs
        self.groups = groups
        self.heartbeat = Heartbeat(self._answers)
        self._wake_ups = wake_ups
        self._redis_url = redis_url
        self._tracing = tracing

    async def call(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method of `jobs` or `groups`, as in `await queue.call(queue.jobs.get, "k3v9x2m7qd")`.

        The deadline is for the whole call, the wait for a thread included. The thread of a call that missed it ends
        when its socket's own timeout does.
        """
        return await _in_time(partial(method, *args, **kwargs), ANSWER_TIMEOUT_S)

    async def _answers(self) -> bool:
        try:
            await self.call(self.jobs.ping)
        except QueueUnavailable:
            return False
        return True

    async def submit(
        self, job: PlannedJob, idempotency_key: str, digest: str, request_id: str, caller: Caller
    ) -> JobRecord:
        """Write the job of a caller, then wake a worker. Raises `IdempotencyConflict`, `QuotaExceeded`."""
        with self._tracing.span("submit job", kind="producer") as span:
            origin = Origin(request_id=request_id, traceparent=self._tracing.traceparent())
            said = (job.estimated_bytes, job.labels, caller.name, _allowance(caller), job.estimated_s)
            with _quota_errors():
                record = await self.call(self.jobs.submit, job.plan, idempotency_key, digest, origin, *said)
            span.set("convserve.job", record.id)
            await self._notify(record)
        logger.info("job %s: submitted by request %s", record.id, record.submitted_by)
        return record

    async def submit_group(
        self,
        request: Mapping[str, JsonValue],
        jobs: Sequence[PlannedJob],
        idempotency_key: str,
        digest: str,
        request_id: str,
        caller: Caller,
    ) -> GroupRecord:
        """Write all jobs of a grid at once, then wake workers. Raises `IdempotencyConflict`, `QuotaExceeded`."""
        with self._tracing.span("submit group", kind="producer") as span:
            origin = Origin(request_id=request_id, traceparent=self._tracing.traceparent())
            said = (idempotency_key, digest, origin, caller.name, _allowance(caller))
            with _quota_errors():
                group = await self.call(self.groups.submit, request, jobs, *said)
            span.set("convserve.group", group.id)
            await self._notify(*group.jobs)
        logger.info("group %s: %d jobs submitted by request %s", group.id, len(group.jobs), group.submitted_by)
        return group

    async def grow_group(
        self, group: str, jobs: Sequence[PlannedJob], idempotency_key: str, digest: str, request_id: str, caller: Caller
    ) -> GroupRecord:
        """Add jobs to a group, then wake workers.

        Raises:
            GroupNotFound, GroupFull, IdempotencyConflict, QuotaExceeded: they are not added.
        """
        with self._tracing.span("grow group", kind="producer") as span:
            origin = Origin(request_id=request_id, traceparent=self._tracing.traceparent())
            said = (idempotency_key, digest, origin, caller.name, _allowance(caller))
            with _quota_errors():
                grown = await self.call(self.groups.grow, group, jobs, *said)
            span.set("convserve.group", group)
            await self._notify(*grown.jobs)
        logger.info("group %s: %d jobs added by request %s", group, len(jobs), request_id)
        return grown

    async def _notify(self, *records: JobRecord) -> None:
        waiting = [record.id for record in records if record.state is JobState.QUEUED]

        def notify_for_all() -> None:
            for _ in waiting:
                self._wake_ups.notify()

        try:
            await _in_time(notify_for_all, WAKE_UP_DEADLINE_S)
        except QueueUnavailable as error:
            logger.warning("job %s: accepted, but its wake-up did not get through: %s", waiting[0], error.reason)

    async def latest_event(self, job: str | None = None) -> str:
        """Id of the newest event of a job, or of all jobs; `0` when there is none."""
        with server_errors():
            async with self._follower() as client:
                newest = await client.xrevrange(_stream(job), count=1)
        return str(newest[0][0]) if newest else "0"

    async def oldest_event(self) -> str:
        """Id of the oldest event of all jobs that is still known, `0` when there is none."""
        with server_errors():
            async with self._follower() as client:
                oldest = await client.xrange(FEED, count=1)
        return str(oldest[0][0]) if oldest else "0"

    async def follow(
        self, job: str | None, after: str, quiet_ms: Callable[[], int] = lambda: FOLLOW_BLOCK_MS
    ) -> AsyncIterator[JobEvent | None]:
        """Events newer than the id `after`, as they arrive; None while nothing happens.

        Args:
            job: id of the job; None to follow all jobs.
            after: id of the last event that is known.
            quiet_ms: asked before each wait: after how long without an event None follows, at most `FOLLOW_BLOCK_MS`.
        """
        with server_errors():
            async with self._follower() as client:
                while True:
                    answer = await client.xread({_stream(job): after}, count=200, block=quiet_ms())
                    for event_id, fields in answer[0][1] if answer else ():
                        after = event_id
                        yield JobEvent(event_id, fields["event"], fields["data"], job or fields["job"])
                    if not answer:
                        yield None

    def _follower(self) -> Any:  # noqa: ANN401 - redis-py's types cannot tell one protocol version's answers
        # A blocking read answers after its own time at the latest; only later than that is the server gone.
        timeout_s = FOLLOW_BLOCK_MS / 1000 + ANSWER_TIMEOUT_S
        return redis.asyncio.Redis.from_url(
            self._redis_url,
            decode_responses=True,
            protocol=2,
            socket_timeout=timeout_s,
            socket_connect_timeout=ANSWER_TIMEOUT_S,
        )


def _allowance(caller: Caller) -> Allowance:
    return Allowance(caller.limits.get("jobs"), caller.limits.get("waiting_s"))


@contextmanager
def _quota_errors() -> Iterator[None]:
    """Turn the refusal of the job store into the answer of every quota."""
    try:
        yield
    except AllowanceExceeded as error:
        raise QuotaExceeded(error.what, error.limit, error.used, error.each_s) from error


def _stream(job: str | None) -> str:
    return FEED if job is None else events_key(job)


async def _in_time(call: Callable[[], T], deadline_s: float) -> T:
    try:
        with anyio.fail_after(deadline_s):
            return await anyio.to_thread.run_sync(call, abandon_on_cancel=True)
    except TimeoutError as error:
        raise QueueUnavailable(f"no answer within {deadline_s} s") from error
