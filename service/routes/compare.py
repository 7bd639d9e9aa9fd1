"""Routes that compare runs: what differs, how they went, and whether the difference is more than chance."""

import asyncio
import json
import shlex
from functools import cache
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field, StringConstraints

from model_store import StoreUnavailable
from service.deps import NAME_PATTERN, ComparisonsDep, DatasetsDep, QueueDep
from service.web.problem_docs import problem_responses
from worker.architectures import analyse
from worker.comparison import Comparison, MetricName, compare
from worker.datasets import DatasetError, FindDataset
from worker.jobs.errors import GroupNotFound, JobNotFound, QueueUnavailable
from worker.jobs.grids import MAX_JOBS
from worker.jobs.plan import TrainingPlan
from worker.jobs.records import JobRecord
from worker.patterns import JOB_IDS_PATTERN

router = APIRouter(prefix="/compare", tags=["jobs"])

GroupName = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
REFUSALS = (JobNotFound, GroupNotFound, QueueUnavailable)


class ComparisonAnswer(Comparison):
    """Runs side by side, and what to run next."""

    next_commands: list[str] = Field(description="`next_requests` as shell commands; empty when the verdict is firm.")


async def _runs(
    queue: QueueDep,
    jobs: Annotated[
        str | None,
        Query(
            pattern=JOB_IDS_PATTERN,
            max_length=10_000,
            description="Ids of jobs, separated by commas.",
            examples=["a,b"],
        ),
    ] = None,
    group: Annotated[
        list[GroupName] | None,
        Query(max_length=MAX_JOBS, description="Id of a group; all its jobs are compared. May be repeated."),
    ] = None,
) -> list[JobRecord]:
    """The jobs named in the query, without repetition."""
    ids = list(dict.fromkeys(jobs.split(","))) if jobs else []
    if not ids and not group:
        raise _refused("nothing to compare; expected jobs=ID,ID,… or group=ID")
    if len(ids) > MAX_JOBS:
        raise _refused(f"too many jobs; expected at most {MAX_JOBS}, got {len(ids)}")
    named = await asyncio.gather(*(queue.call(queue.jobs.get, job) for job in ids))
    groups = [await queue.call(queue.groups.get, name) for name in dict.fromkeys(group or ())]
    members = [job for found in groups for job in found.jobs]
    runs = list({job.id: job for job in (*named, *members)}.values())
    if len(runs) > MAX_JOBS:
        raise _refused(f"too many jobs; expected at most {MAX_JOBS}, got {len(runs)}")
    return runs


async def _comparison(
    runs: Annotated[list[JobRecord], Depends(_runs)],
    datasets: DatasetsDep,
    metric: Annotated[
        MetricName, Query(description="Metric by which settings are ranked and judged.")
    ] = "test_accuracy",
) -> Comparison:
    find_dataset = cache(datasets.find)
    return await asyncio.to_thread(compare, runs, metric, lambda plan: _parameters(plan, find_dataset))


ComparisonDep = Annotated[Comparison, Depends(_comparison)]


@router.get("", summary="Compare runs", responses=problem_responses(*REFUSALS))
async def get_comparison(comparison: ComparisonDep, request: Request) -> ComparisonAnswer:
    """Settings that differ, histories and final metrics side by side, and a verdict in plain words.

    Runs that differ only in their seed are one setting, with the mean and the sample standard deviation of its runs.
    A difference counts as larger than the noise when its 95 % Welch interval excludes zero, with Bonferroni's
    correction for the number of settings. With one seed per setting no verdict is possible; `next_commands` then says
    what to run. Jobs that did not succeed are shown but do not count; `left_out` says why.
    """
    url = str(request.base_url).rstrip("/")
    commands = [f"curl -s {url}/jobs --json {shlex.quote(json.dumps(body))}" for body in comparison.next_requests]
    return ComparisonAnswer(**dict(comparison), next_commands=commands)


@router.get(
    ".{picture_format}",
    summary="Picture of a comparison",
    response_class=Response,
    responses={
        **problem_responses(*REFUSALS),
        200: {"content": {"image/png": {}, "image/svg+xml": {}}, "description": "The picture."},
    },
)
async def get_comparison_picture(
    comparison: ComparisonDep, picture_format: Literal["png", "svg"], pictures: ComparisonsDep
) -> Response:
    """Accuracy and loss per epoch, one colour per setting for up to ten settings: validation solid, training dashed.

    For a setting with several seeds, the lines show their means and the band extends from the lowest to the highest.
    """
    media_type = {"png": "image/png", "svg": "image/svg+xml"}[picture_format]
    return Response(
        await pictures.draw(comparison, picture_format), media_type=media_type, headers={"Cache-Control": "no-cache"}
    )


def _parameters(plan: TrainingPlan, find_dataset: FindDataset) -> int | None:
    """Number of parameters for the dataset as it is now; None when it is gone or cannot be read."""
    try:
        info = find_dataset(plan.dataset)
    except (DatasetError, StoreUnavailable):
        return None
    return analyse(plan.network, info.image_shape, len(info.classes)).parameters


def _refused(message: str) -> RequestValidationError:
    return RequestValidationError([{"type": "value_error", "loc": ("query", "jobs"), "msg": message}])
