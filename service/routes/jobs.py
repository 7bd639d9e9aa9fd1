"""Routes of training jobs: list, get, follow, cancel, delete. `submissions` starts them."""

import logging
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response, status
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel, Field

from service.deps import NAME_PATTERN, CatalogDep, CurvesDep, JobDep, QueueDep, StreamsDep
from service.errors import TooManyStreams
from service.jobs.queue import JobEvent, JobQueue
from service.web.problem_docs import problem_responses
from worker.jobs.errors import JobNotFinished, JobNotFound, QueueUnavailable
from worker.jobs.records import History, JobRecord
from worker.jobs.states import FINISHED, JobState
from worker.patterns import EVENT_ID_PATTERN

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/jobs", tags=["jobs"])

ONE_JOB = (JobNotFound, QueueUnavailable)


class JobList(BaseModel):
    """A page of jobs, newest first."""

    jobs: list[JobRecord]
    total: int = Field(description="Jobs that match, on all pages.")
    offset: int
    limit: int


class EpochEvent(BaseModel):
    """Data of an `epoch` event."""

    epoch: int = Field(description="The epoch that has just ended, from 1.")
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


@router.get("", summary="List jobs", responses=problem_responses(QueueUnavailable))
async def list_jobs(
    queue: QueueDep,
    state: Annotated[list[JobState] | None, Query(description="Only jobs in this state; may be repeated.")] = None,
    group: Annotated[
        str | None, Query(pattern=NAME_PATTERN, description="Only jobs of this group, see `GET /groups`.")
    ] = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> JobList:
    """Jobs, newest first."""
    jobs, total = await queue.call(queue.jobs.page, state or (), offset, limit, group)
    return JobList(jobs=jobs, total=total, offset=offset, limit=limit)


@router.get("/{job_id}", summary="One job", responses=problem_responses(*ONE_JOB))
async def get_job(job: JobDep, catalog: CatalogDep) -> JobRecord:
    """State, progress and history; once the job has ended, also the model or the error."""
    if job.state is JobState.SUCCEEDED:
        # A client that has seen `succeeded` must find the model at once, at least in this process.
        await catalog.refresh()
    return job


@router.post("/{job_id}/cancel", summary="Cancel a job", responses=problem_responses(*ONE_JOB))
async def cancel_job(job_id: str, queue: QueueDep) -> JobRecord:
    """Cancel a job: a queued one at once, a running one within seconds (`cancel_requested` until then).

    Cancelling twice, or cancelling a job that has ended or is just being published, changes nothing.
    """
    return await queue.call(queue.jobs.cancel, job_id)


@router.delete(
    "/{job_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Forget a finished job",
    responses=problem_responses(*ONE_JOB, JobNotFinished),
)
async def delete_job(job_id: str, queue: QueueDep) -> None:
    """Delete the record and the log. The model that the job published stays."""
    await queue.call(queue.jobs.forget, job_id)


@router.get(
    "/{job_id}/log",
    summary="Log of a job",
    response_class=PlainTextResponse,
    responses=problem_responses(*ONE_JOB),
)
async def get_log(job_id: str, queue: QueueDep) -> PlainTextResponse:
    """The trainer's log as plain text, one entry per line."""
    return PlainTextResponse("".join(line + "\n" for line in await queue.call(queue.jobs.log, job_id)))


@router.get(
    "/{job_id}/curves.{picture_format}",
    summary="Accuracy and loss curves of a job",
    response_class=Response,
    responses={
        **problem_responses(*ONE_JOB),
        200: {"content": {"image/png": {}, "image/svg+xml": {}}, "description": "The picture."},
    },
)
async def get_curves(job: JobDep, picture_format: Literal["png", "svg"], curves: CurvesDep) -> Response:
    """The curves so far, live while the job runs: training dashed, validation solid, the best epoch marked."""
    media_type = {"png": "image/png", "svg": "image/svg+xml"}[picture_format]
    return Response(
        await curves.draw(job, picture_format), media_type=media_type, headers={"Cache-Control": "no-cache"}
    )


@router.get(
    "/{job_id}/events",
    summary="Follow a job",
    response_class=StreamingResponse,
    responses={
        **problem_responses(*ONE_JOB, TooManyStreams),
        200: {"content": {"text/event-stream": {}}, "description": "Server-Sent Events."},
    },
)
async def follow_job(
    job: JobDep,
    queue: QueueDep,
    catalog: CatalogDep,
    streams: StreamsDep,
    last_event_id: Annotated[str | None, Header(pattern=EVENT_ID_PATTERN)] = None,
) -> StreamingResponse:
    """Server-Sent Events until the job ends.

    A `state` event carries the whole job; the first event is one. `progress` carries the job's progress, and `epoch`
    the metrics of the epoch that has just ended. A client that sends `Last-Event-ID` gets the events it missed.
    """
    after = last_event_id or await queue.latest_event(job.id)
    events = _events(job, queue, catalog, after, snapshot=last_event_id is None)
    return streams.answer(_until_the_queue_is_gone(events))


async def _until_the_queue_is_gone(events: AsyncIterator[str]) -> AsyncIterator[str]:
    """End the stream when Redis stops answering; its client reconnects with `Last-Event-ID`."""
    try:
        async for event in events:
            yield event
    except QueueUnavailable as error:
        logger.warning("an event stream ends because Redis does not answer: %s", error.reason)


async def _events(
    job: JobRecord, queue: JobQueue, catalog: CatalogDep, after: str, *, snapshot: bool
) -> AsyncIterator[str]:
    if snapshot:
        # Read again: changes between the first read and the choice of `after` would be lost otherwise.
        job = await queue.call(queue.jobs.get, job.id)
        yield _sse(after, "state", job.model_dump_json())
        if job.is_finished:
            return
    async for event in queue.follow(job.id, after):
        if event is None:
            yield ": still here\n\n"
        elif event.kind == "state":
            if event.data in FINISHED:
                await catalog.refresh()
            yield _sse(event.id, "state", (await queue.call(queue.jobs.get, job.id)).model_dump_json())
        else:
            yield _sse(event.id, event.kind, _data(event))
        if (event.data in FINISHED) if event else (await queue.call(queue.jobs.get, job.id)).is_finished:
            return


def _data(event: JobEvent) -> str:
    if event.kind != "epoch":
        return event.data
    history = History.model_validate_json(event.data)
    latest = {name: getattr(history, name)[-1] for name in EpochEvent.model_fields if name != "epoch"}
    return EpochEvent.model_validate({"epoch": len(history.loss), **latest}).model_dump_json()


def _sse(event_id: str, kind: str, data: str) -> str:
    return f"id: {event_id}\nevent: {kind}\ndata: {data}\n\n"
