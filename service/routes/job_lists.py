"""Routes of many jobs: list them, cancel and delete those that match a filter."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field

from model_store.names import MODEL_PATTERN
from service.bulk.results import delete_rows
from service.deps import NAME_PATTERN, CallerDep, QueueDep, StoreDep
from service.jobs.job_filters import Changed, JobQuery, change_all, read_page
from service.jobs.job_rows import JobRow, row_of
from service.keys.callers import Caller
from service.web.problem_docs import problem_responses
from worker.job_store.filters import JobFilter
from worker.jobs.errors import JobNotFound, QueueUnavailable
from worker.jobs.records import JobRecord
from worker.jobs.states import FINISHED, JobState
from worker.patterns import TAG_PATTERN

router = APIRouter(prefix="/jobs", tags=["jobs"])

UNFINISHED = tuple(state for state in JobState if state not in FINISHED)
ENDED = tuple(state for state in JobState if state in FINISHED)
FARTHEST_OFFSET = 10_000


async def _query(
    state: Annotated[list[JobState] | None, Query(description="Only jobs in this state; may be repeated.")] = None,
    owner: Annotated[str | None, Query(max_length=64, description="Only jobs of this owner.")] = None,
    tag: Annotated[str | None, Query(pattern=TAG_PATTERN, description="Only jobs with this tag.")] = None,
    model: Annotated[
        str | None, Query(pattern=MODEL_PATTERN, description="Only jobs that publish under this name.")
    ] = None,
    dataset: Annotated[str | None, Query(pattern=MODEL_PATTERN, description="Only jobs that train on it.")] = None,
    architecture: Annotated[
        str | None,
        Query(pattern=NAME_PATTERN, description="Only jobs with this preset; `custom` for one's own networks."),
    ] = None,
    group: Annotated[
        str | None, Query(pattern=NAME_PATTERN, description="Only jobs of this group, see `GET /groups`.")
    ] = None,
) -> JobQuery:
    return JobQuery(state or (), owner, tag, model, dataset, architecture, group)


JobQueryDep = Annotated[JobQuery, Depends(_query)]


class JobList(BaseModel, defer_build=True):
    """A page of jobs, newest first."""

    jobs: list[JobRecord]
    total: int = Field(description="Jobs that match, on all pages.")
    offset: int
    limit: int
    next: str | None = Field(description="Path of the next page; null on the last one.")


class JobRows(BaseModel, defer_build=True):
    """A page of jobs in short, newest first."""

    jobs: list[JobRow]
    total: int = Field(description="Jobs that match, on all pages.")
    offset: int
    limit: int
    next: str | None = Field(description="Path of the next page; null on the last one.")


@router.get(
    "",
    summary="List jobs",
    response_model=JobList | JobRows,
    responses=problem_responses(QueueUnavailable, JobNotFound),
)
async def list_jobs(
    query: JobQueryDep,
    queue: QueueDep,
    after: Annotated[
        str | None,
        Query(pattern=NAME_PATTERN, description="Id of the last job of the page before; `next` has it."),
    ] = None,
    offset: Annotated[int, Query(ge=0, le=FARTHEST_OFFSET, description="For small lists; `after` is better.")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    view: Annotated[Literal["row"] | None, Query(description="`row`: each job in at most 600 bytes.")] = None,
) -> Response:
    """Jobs, newest first, those that wait or run and those that ended long ago alike.

    `next` and the header `Link` lead to the next page. Pages are told apart by ids of jobs, so that none is left out
    or shown twice when others are submitted meanwhile.
    """
    page = await read_page(queue, query.filter(), after, offset, limit)
    following = query.next_page(limit, page.jobs[-1].id, view) if page.has_more else None
    answer: JobList | JobRows
    if view == "row":
        rows = [row_of(job) for job in page.jobs]
        answer = JobRows(jobs=rows, total=page.total, offset=offset, limit=limit, next=following)
    else:
        answer = JobList(jobs=page.jobs, total=page.total, offset=offset, limit=limit, next=following)
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)


@router.post("/cancel", summary="Cancel many jobs", responses=problem_responses(QueueUnavailable))
async def cancel_jobs(query: JobQueryDep, queue: QueueDep, caller: CallerDep) -> Changed:
    """Cancel all jobs that match: queued ones at once, running ones within seconds. At least one filter is needed.

    Only an admin's key cancels jobs of other owners.
    """
    wanted = _changeable(query, caller, UNFINISHED)
    return Changed(matched=0, changed=0) if wanted is None else await change_all(queue, wanted, queue.jobs.cancel_all)


@router.delete("", summary="Forget many finished jobs", responses=problem_responses(QueueUnavailable))
async def delete_jobs(query: JobQueryDep, queue: QueueDep, caller: CallerDep, store: StoreDep) -> Changed:
    """Delete records and logs of all finished jobs that match; their models stay. At least one filter is needed.

    Only an admin's key deletes jobs of other owners.
    """
    wanted = _changeable(query, caller, ENDED)
    if wanted is None:
        return Changed(matched=0, changed=0)
    forgotten: set[str] = set()

    def forget(jobs: Sequence[str]) -> int:
        forgotten.update(jobs)
        return queue.jobs.forget_all(jobs)

    changed = await change_all(queue, wanted, forget)
    await asyncio.to_thread(delete_rows, store.predictions, forgotten)
    return changed


def _changeable(query: JobQuery, caller: Caller, states: tuple[JobState, ...]) -> JobFilter | None:
    """The jobs in these states that match and that the caller may change; None when there cannot be any."""
    if query.is_empty:
        names = ", ".join(JobQuery.__dataclass_fields__)
        message = f"no filter; expected at least one of {names}, got none"
        raise RequestValidationError([{"loc": ("query",), "msg": message, "type": "value_error"}])
    is_foreign = query.owner is not None and not caller.may_change(query.owner)
    if is_foreign or query.contradicts(states):
        return None
    return query.filter(states, None if caller.is_admin else caller.name)
