"""Jobs as the HTTP side sees them: every call has a deadline, and a queue that does not answer is an error at once.

The book of jobs is synchronous and shared with the worker; here its calls run in threads, so that a server that
hangs costs a thread for a while but never the event loop. Only following a job's events uses an asynchronous client.
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import redis.asyncio
from pydantic import JsonValue

from worker.job_store.groups import GroupLine, GroupRecord, GroupStore
from worker.job_store.store import JobStore, connect, events_key, server_errors
from worker.job_store.wake_ups import WakeUps
from worker.jobs.errors import QueueUnavailable
from worker.jobs.grids import PlannedJob
from worker.jobs.plan import TrainingPlan
from worker.jobs.records import JobRecord, Origin, QueueOverview
from worker.jobs.states import JobState
from worker.telemetry.spans import Tracing

logger = logging.getLogger(__name__)

DEADLINE_S = 2.0
WAKE_UP_DEADLINE_S = 0.4  # a bell that does not get through in time is rung again by a worker
FOLLOW_BLOCK_MS = 10_000

T = TypeVar("T")


@dataclass(frozen=True)
class JobEvent:
    """One entry of a job's stream: its id, its kind (`state`, `progress`, `epoch`) and its data as kept in Redis."""

    id: str
    kind: str
    data: str


class JobQueue:
    """Submits, reads and follows jobs. Every method raises `QueueUnavailable` when Redis does not answer in time."""

    def __init__(self, redis_url: str, broker_url: str, tracing: Tracing) -> None:
        self._redis_url = redis_url
        self._tracing = tracing
        self._client = connect(redis_url)
        self._job_store = JobStore(self._client)
        self._groups = GroupStore(self._client, self._job_store)
        self._wake_ups = WakeUps(broker_url)

    async def submit(self, plan: TrainingPlan, idempotency_key: str, digest: str, request_id: str) -> JobRecord:
        """Write the job, then ring. Raises `IdempotencyConflict`."""
        with self._tracing.span("submit job", kind="producer") as span:
            origin = Origin(request_id=request_id, traceparent=self._tracing.traceparent())
            record = await _in_time(lambda: self._job_store.submit(plan, idempotency_key, digest, origin))
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
    ) -> GroupRecord:
        """Write all jobs of a grid at once, then ring. Raises `IdempotencyConflict`."""
        with self._tracing.span("submit group", kind="producer") as span:
            origin = Origin(request_id=request_id, traceparent=self._tracing.traceparent())
            group = await _in_time(lambda: self._groups.submit(request, jobs, idempotency_key, digest, origin))
            span.set("convserve.group", group.id)
            await self._notify(*group.jobs)
        logger.info("group %s: %d jobs submitted by request %s", group.id, len(group.jobs), group.submitted_by)
        return group

    async def _notify(self, *records: JobRecord) -> None:
        waiting = [record.id for record in records if record.state is JobState.QUEUED]

        def notify_for_all() -> None:
            for job in waiting:
                self._wake_ups.notify(job)

        try:
            await _in_time(notify_for_all, WAKE_UP_DEADLINE_S)
        except QueueUnavailable as error:
            logger.warning("job %s: accepted, but its bell did not get through: %s", waiting[0], error.reason)

    async def is_repetition(self, idempotency_key: str) -> bool:
        """Whether something was submitted under this key."""
        return await _in_time(lambda: self._job_store.is_repetition(idempotency_key))

    async def get(self, job: str) -> JobRecord:
        """One job. Raises `JobNotFound`."""
        return await _in_time(lambda: self._job_store.get(job))

    async def page(
        self, states: Sequence[JobState], offset: int, limit: int, group: str | None = None
    ) -> tuple[list[JobRecord], int]:
        """A page of jobs, newest first, and how many there are."""
        return await _in_time(lambda: self._job_store.page(states, offset, limit, group))

    async def group(self, group: str) -> GroupRecord:
        """One group. Raises `GroupNotFound`."""
        return await _in_time(lambda: self._groups.get(group))

    async def groups(self, offset: int, limit: int) -> tuple[list[GroupLine], int]:
        """A page of groups, newest first, and how many there are."""
        return await _in_time(lambda: self._groups.page(offset, limit))

    async def cancel_group(self, group: str) -> GroupRecord:
        """Cancel what has not ended and return the group as it is then. Raises `GroupNotFound`."""
        return await _in_time(lambda: self._groups.cancel(group))

    async def overview(self) -> QueueOverview:
        """All jobs in a few numbers."""
        return await _in_time(self._job_store.overview)

    async def cancel(self, job: str) -> JobRecord:
        """Cancel and return the job as it is then. Raises `JobNotFound`."""
        return await _in_time(lambda: self._job_store.cancel(job))

    async def forget(self, job: str) -> None:
        """Remove a finished job. Raises `JobNotFound`, `JobNotFinished`."""
        await _in_time(lambda: self._job_store.forget(job))

    async def log(self, job: str) -> list[str]:
        """The job's log. Raises `JobNotFound`."""
        return await _in_time(lambda: self._job_store.log(job))

    async def ping(self) -> None:
        """Return when the server answers."""
        await _in_time(self._job_store.ping)

    async def latest_event(self, job: str) -> str:
        """Id of a job's newest event, `0` when there is none."""
        with server_errors():
            async with self._follower() as client:
                newest = await client.xrevrange(events_key(job), count=1)
        return str(newest[0][0]) if newest else "0"

    async def follow(self, job: str, after: str) -> AsyncIterator[JobEvent | None]:
        """Events newer than the id `after`, as they come; None now and then while nothing happens."""
        with server_errors():
            async with self._follower() as client:
                while True:
                    answer = await client.xread({events_key(job): after}, count=200, block=FOLLOW_BLOCK_MS)
                    for event_id, fields in answer[0][1] if answer else ():
                        after = event_id
                        yield JobEvent(event_id, fields["event"], fields["data"])
                    if not answer:
                        yield None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _follower(self) -> Any:  # noqa: ANN401 - redis-py's types cannot tell one protocol version's answers
        # A blocking read may answer late; only a server that answers later than that is gone.
        timeout_s = FOLLOW_BLOCK_MS / 1000 + DEADLINE_S
        return redis.asyncio.Redis.from_url(
            self._redis_url,
            decode_responses=True,
            protocol=2,
            socket_timeout=timeout_s,
            socket_connect_timeout=DEADLINE_S,
        )


async def _in_time(call: Callable[[], T], deadline_s: float = DEADLINE_S) -> T:
    try:
        with anyio.fail_after(deadline_s):
            return await anyio.to_thread.run_sync(call, abandon_on_cancel=True)
    except TimeoutError as error:
        raise QueueUnavailable(f"no answer within {deadline_s} s") from error
