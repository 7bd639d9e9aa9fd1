"""Routes of one training job: get, follow, cancel, delete. `submissions` starts them, `job_lists` has many."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Response, status
from fastapi.responses import PlainTextResponse, StreamingResponse

from service.deps import CatalogDep, CurvesDep, DatasetsDep, JobDep, OwnJobDep, QueueDep, StoreDep, StreamsDep
from service.errors import TooManyStreams
from service.jobs.following import job_events, until_the_queue_is_gone
from service.jobs.job_answers import JobAnswer, job_answer
from service.web.drawing_errors import TooManyDrawings
from service.web.key_errors import NotOwner
from service.web.problem_docs import problem_responses
from worker.jobs.errors import JobNotFinished, JobNotFound, NothingToFinish, QueueUnavailable
from worker.jobs.records import JobRecord
from worker.jobs.states import JobState
from worker.patterns import EVENT_ID_PATTERN
from worker.tensorboard.event_files import PREFIX, file_of

router = APIRouter(prefix="/jobs", tags=["jobs"])

ONE_JOB = (JobNotFound, QueueUnavailable)


@router.get("/{job_id}", summary="One job", responses=problem_responses(*ONE_JOB))
async def get_job(job: JobDep, catalog: CatalogDep, datasets: DatasetsDep, store: StoreDep) -> JobAnswer:
    """State, progress and history, and what the doctor finds so far; at the end, also the model or the error."""
    if job.state is JobState.SUCCEEDED:
        # A client that has seen `succeeded` must find the model at once, at least in this process.
        await catalog.refresh()
    return await job_answer(job, datasets.find, store)


@router.post("/{job_id}/cancel", summary="Cancel a job", responses=problem_responses(*ONE_JOB, NotOwner))
async def cancel_job(job: OwnJobDep, queue: QueueDep) -> JobRecord:
    """Cancel a job: a queued one at once, a running one within seconds (`cancel_requested` until then).

    Cancelling twice, or cancelling a job that has ended or is just being published, changes nothing.
    """
    return await queue.call(queue.jobs.cancel, job.id)


@router.post(
    "/{job_id}/finish",
    summary="End a training now and publish its best epoch",
    responses=problem_responses(*ONE_JOB, NothingToFinish, NotOwner),
)
async def finish_job(job: OwnJobDep, queue: QueueDep) -> JobRecord:
    """Ask a running job to end after the current batch; within seconds it tests, exports and publishes its best epoch.

    What there is of the current epoch is validated and counts as an epoch. A job of which no epoch has ended has
    nothing to publish. Finishing twice, or finishing a job that has ended or is just being published, changes nothing.
    """
    return await queue.call(queue.jobs.finish, job.id)


@router.delete(
    "/{job_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Forget a finished job",
    responses=problem_responses(*ONE_JOB, JobNotFinished, NotOwner),
)
async def delete_job(job: OwnJobDep, queue: QueueDep, store: StoreDep) -> None:
    """Delete the record and the log. The model that the job published stays; the answers of many pictures do not."""
    await queue.call(queue.jobs.forget, job.id)
    if job.request.predictions is not None:
        await asyncio.to_thread(store.predictions.delete, job.id)


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
        **problem_responses(*ONE_JOB, TooManyDrawings),
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
    "/{job_id}/tensorboard",
    summary="A job's curves for TensorBoard",
    response_class=Response,
    responses={
        **problem_responses(*ONE_JOB),
        200: {"content": {"application/octet-stream": {}}, "description": "An event file."},
    },
)
async def get_event_file(job: JobDep) -> Response:
    """Loss, accuracy and learning rate of every epoch so far, in an event file for `tensorboard --logdir`.

    It works for any job, however old. The record does not have the time of each epoch, so they are drawn as if all had
    taken equally long; the files that a worker writes below `CONVSERVE_TENSORBOARD_DIR` have the real ones, and grow
    while it trains.
    """
    begun = job.started_at or job.created_at
    content = await asyncio.to_thread(file_of, job.history, begun, job.finished_at or datetime.now(UTC))
    name = f"{PREFIX}{begun.timestamp():.0f}.{job.id}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-cache"}
    return Response(content, media_type="application/octet-stream", headers=headers)


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

    A `state` event carries the whole job; the first event is one, and another follows whenever a queued job moves to
    another position. `progress` carries the job's progress, and `epoch` the metrics of one epoch that has ended. A
    client that sends `Last-Event-ID` gets the events it missed.
    """
    after = last_event_id or await queue.latest_event(job.id)
    events = job_events(job, queue, catalog.refresh, after, snapshot=last_event_id is None)
    return streams.answer(until_the_queue_is_gone(events))
