"""The route that follows all jobs at once."""

from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from service.deps import CatalogDep, QueueDep, StreamsDep
from service.errors import TooManyStreams
from service.jobs.feed import feed_events
from service.jobs.following import until_the_queue_is_gone
from service.web.problem_docs import problem_responses
from worker.jobs.errors import QueueUnavailable
from worker.patterns import EVENT_ID_PATTERN

router = APIRouter(tags=["jobs"])


@router.get(
    "/events",
    summary="Follow all jobs",
    response_class=StreamingResponse,
    responses={
        **problem_responses(QueueUnavailable, TooManyStreams),
        200: {"content": {"text/event-stream": {}}, "description": "Server-Sent Events."},
    },
)
async def follow_all_jobs(
    queue: QueueDep,
    catalog: CatalogDep,
    streams: StreamsDep,
    last_event_id: Annotated[str | None, Header(pattern=EVENT_ID_PATTERN)] = None,
) -> StreamingResponse:
    """Server-Sent Events of all jobs over one connection, without an end.

    The first event is `ready`. `state` carries a job as `GET /jobs?view=row` does, `progress` and `epoch` what the
    job's own stream says with its id as `job`, `deleted` the id of a job that was deleted, and `queue` the positions of
    the newest jobs that wait, when they have moved. A client that sends `Last-Event-ID` gets the events it missed; if
    some of them are no longer known, the first event is `reset`: read the list of jobs again.
    """
    return streams.answer(until_the_queue_is_gone(feed_events(queue, catalog.refresh, last_event_id)))
