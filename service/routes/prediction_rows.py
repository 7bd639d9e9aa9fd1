"""The route of the rows that a job wrote about many pictures."""

import asyncio
import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from model_store import StoreUnavailable
from model_store.predictions import RowFormat
from service.bulk.results import MEDIA_TYPES, chunks_of, format_for
from service.deps import JobDep, StateDep
from service.errors import RangeNotSatisfiable
from service.web.byte_ranges import ByteRange, ConditionsDep, not_modified, stored_headers
from service.web.problem_docs import problem_responses
from worker.jobs.errors import JobNotFinished, JobNotFound, QueueUnavailable

router = APIRouter(tags=["predict"])


@router.get(
    "/jobs/{job_id}/predictions",
    summary="Rows of a job that classified many pictures",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "One row for each picture, in the order of their names.",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/jsonl": {"schema": {"type": "string"}},
            },
        },
        206: {"description": "The range of the rows that `Range` names."},
        304: {"description": "The rows are still those that `If-None-Match` names."},
        **problem_responses(JobNotFound, JobNotFinished, RangeNotSatisfiable, QueueUnavailable, StoreUnavailable),
    },
)
async def get_predictions(
    job: JobDep,
    state: StateDep,
    conditions: ConditionsDep,
    format: Annotated[
        RowFormat | None, Query(description="`csv` or `jsonl`; default: what `Accept` says, or CSV.")
    ] = None,
    accept: Annotated[str, Header(description="`text/csv` or `application/jsonl`.")] = "",
) -> Response:
    """Name, label and score of each picture, more classes, and in words why a picture could not be read.

    The rows of a job that failed or was cancelled are those that it had written. They are kept until the job is
    deleted, at most `CONVSERVE_BULK_KEPT_DAYS`.
    """
    if job.request.predictions is None:
        raise JobNotFound(job.id, "prediction ")
    if not job.is_finished:
        raise JobNotFinished(job.id, job.state, "its rows can be read once it has ended")
    chosen, store = format or format_for(accept), state.store.predictions
    parts = await asyncio.to_thread(store.parts, job.id, chosen)
    size = sum(part.size_bytes for part in parts)
    etag = f'"{hashlib.sha256(repr((job.id, chosen, parts)).encode()).hexdigest()}"'
    if conditions.is_known(etag):
        return not_modified(etag)
    part = conditions.byte_range(etag, size) if size else None
    length = {"Content-Length": str(size)} if part is None else part.headers
    told = (
        stored_headers(etag)
        | length
        | {"Vary": "Accept", "Content-Disposition": f'attachment; filename="{job.id}.{chosen}"'}
    )
    chunks = chunks_of(store, parts, part or ByteRange(0, size, size))
    return StreamingResponse(chunks, 200 if part is None else 206, headers=told, media_type=MEDIA_TYPES[chosen])
