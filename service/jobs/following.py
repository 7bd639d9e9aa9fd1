"""A job's progress as Server-Sent Events: its state, its place while it waits, its progress and its epochs."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from service.jobs.queue import FOLLOW_BLOCK_MS, JobEvent, JobQueue
from worker.jobs.errors import QueueUnavailable
from worker.jobs.records import History, JobRecord
from worker.jobs.states import FINISHED, JobState

logger = logging.getLogger(__name__)

QUIET_MS = FOLLOW_BLOCK_MS
"""After which a client and the proxies on the way are told that the stream is alive."""
PLACES_MS = 2_000
"""How often a queued job's place is looked up: it moves when other jobs start."""
ETA_CHANGE_S, ETA_CHANGE_SHARE = 5.0, 0.1


async def until_the_queue_is_gone(events: AsyncIterator[str]) -> AsyncIterator[str]:
    """End the stream when Redis stops answering; its client reconnects with `Last-Event-ID`."""
    try:
        async for event in events:
            yield event
    except QueueUnavailable as error:
        logger.warning("an event stream ends because Redis does not answer: %s", error.reason)


async def job_events(
    job: JobRecord, queue: JobQueue, refresh: Callable[[], Awaitable[object]], after: str, *, snapshot: bool
) -> AsyncIterator[str]:
    """The events of one job until it has ended.

    Args:
        job: as it was when the client asked.
        queue: where it is followed.
        refresh: called before a client is told that the job has ended, so that it finds the model at once.
        after: id of the event after which to begin.
        snapshot: begin with a `state` event.
    """
    if snapshot:
        # Read again: changes between the first read and the choice of `after` would be lost otherwise.
        job = await queue.call(queue.jobs.get, job.id)
        yield sse(after, "state", job.model_dump_json())
        if job.is_finished:
            return

    def quiet_ms() -> int:
        return PLACES_MS if latest.state is JobState.QUEUED else QUIET_MS

    latest = job
    async for event in queue.follow(job.id, after, quiet_ms):
        if event is not None:
            after = event.id
        if event is not None and event.kind != "state":
            yield sse(event.id, event.kind, event_data(event))
            continue
        if event is not None and event.data in FINISHED:
            await refresh()
        known, latest = latest, await queue.call(queue.jobs.get, job.id)
        if event is not None or has_moved(known, latest):
            yield sse(after, "state", latest.model_dump_json())
        else:
            yield ": still here\n\n"
        if (event.data in FINISHED) if event else latest.is_finished:
            return


def has_moved(known: JobRecord, job: JobRecord) -> bool:
    """Whether a client should hear of a job anew: of its state, its place, or a start that has become another one."""
    if (known.state, known.position) != (job.state, job.position) or (known.eta_s is None) != (job.eta_s is None):
        return True
    if known.eta_s is None or job.eta_s is None:
        return False
    return abs(known.eta_s - job.eta_s) > max(ETA_CHANGE_S, ETA_CHANGE_SHARE * known.eta_s)


def event_data(event: JobEvent) -> str:
    """The event's data as clients get it: a worker of an earlier version puts the whole history into an `epoch`."""
    if event.kind != "epoch" or '"epoch"' in event.data:
        return event.data
    history = History.model_validate_json(event.data)
    return history.epoch(len(history.loss)).model_dump_json()


def sse(event_id: str, kind: str, data: str) -> str:
    """One event in the wire format of Server-Sent Events."""
    return f"id: {event_id}\nevent: {kind}\ndata: {data}\n\n"
