"""The events of all jobs as one stream: a page needs one connection, however many jobs run.

A `state` event carries the job in short, `progress` and `epoch` what the job's own stream says, with its id as `job`.
`queue` says where the newest of the jobs that wait stand, whenever that has changed.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable

from service.jobs.following import PLACES_MS, event_data, sse
from service.jobs.job_rows import row_of
from service.jobs.queue import JobEvent, JobQueue
from worker.job_store.filters import JobFilter
from worker.jobs.errors import JobNotFound
from worker.jobs.states import FINISHED, JobState

SHOWN_WAITING = 50
QUIET_ROUNDS = 5
"""Rounds of `PLACES_MS` without an event after which the stream shows that it is alive."""


async def feed_events(
    queue: JobQueue, refresh: Callable[[], Awaitable[object]], last_event_id: str | None
) -> AsyncIterator[str]:
    """The events of all jobs, for as long as the client stays.

    Args:
        queue: where they are followed.
        refresh: called before a client is told that a job has ended, so that it finds the model at once.
        last_event_id: after which to begin; None begins with the next event.
    """
    after = last_event_id or await queue.latest_event()
    is_gap = last_event_id is not None and _number(await queue.oldest_event()) > _number(last_event_id)
    yield sse(after, "reset" if is_gap else "ready", "{}")
    places, quiet = "", 0
    async for event in queue.follow(None, after, lambda: PLACES_MS):
        if event is not None:
            after, quiet = event.id, 0
            yield await _told(event, queue, refresh)
            continue
        quiet += 1
        known, places = places, await _places(queue)
        if places != known:
            yield sse(after, "queue", places)
        elif quiet % QUIET_ROUNDS == 0:
            yield ": still here\n\n"


async def _told(event: JobEvent, queue: JobQueue, refresh: Callable[[], Awaitable[object]]) -> str:
    if event.kind == "state":
        if event.data in FINISHED:
            await refresh()
        try:
            job = await queue.call(queue.jobs.get, event.job)
        except JobNotFound:
            return sse(event.id, "deleted", json.dumps({"job": event.job}))
        return sse(event.id, "state", row_of(job).model_dump_json())
    data = json.loads(event_data(event)) if event.data else {}
    return sse(event.id, event.kind, json.dumps({"job": event.job} | data))


async def _places(queue: JobQueue) -> str:
    """Where the newest jobs that wait stand (JSON)."""
    found, total = await queue.call(queue.jobs.find, JobFilter((JobState.QUEUED,)), limit=SHOWN_WAITING)
    places = await queue.call(queue.jobs.places, [job.id for job in found])
    jobs = [{"id": job, "position": position, "eta_s": eta_s} for job, (position, eta_s) in places.items()]
    return json.dumps({"queued": total, "jobs": jobs})


def _number(event_id: str) -> tuple[int, int]:
    milliseconds, _, count = event_id.partition("-")
    return int(milliseconds), int(count or 0)
