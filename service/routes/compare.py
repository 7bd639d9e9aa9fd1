"""Routes that compare runs: what differs, how they went, and whether the difference is more than chance."""

import asyncio
import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field, StringConstraints

from model_store import StoreUnavailable
from service.deps import NAME_PATTERN, ComparisonsDep, DatasetsDep, QueueDep
from service.web.drawing_errors import TooManyDrawings
from service.web.problem_docs import problem_responses
from service.web.refused_values import refused_value
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


@dataclass(frozen=True)
class _Runs:
    """What is compared.

    Attributes:
        jobs: the runs.
        grown: how many jobs were added later to the groups that were named.
        group: the only thing that was named, if it is a group.
    """

    jobs: list[JobRecord]
    grown: int
    group: str | None


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
) -> _Runs:
    """The jobs named in the query, without repetition."""
    ids = list(dict.fromkeys(jobs.split(","))) if jobs else []
    if not ids and not group:
        raise refused_value("jobs", "nothing to compare; expected jobs=ID,ID,… or group=ID")
    if len(ids) > MAX_JOBS:
        raise refused_value("jobs", f"too many jobs; expected at most {MAX_JOBS}, got {len(ids)}")
    named = await asyncio.gather(*(queue.call(queue.jobs.get, job) for job in ids))
    groups = [await queue.call(queue.groups.get, name) for name in dict.fromkeys(group or ())]
    members = [job for found in groups for job in found.jobs]
    runs = list({job.id: job for job in (*named, *members)}.values())
    if len(runs) > MAX_JOBS:
        raise refused_value("jobs", f"too many jobs; expected at most {MAX_JOBS}, got {len(runs)}")
    grown = sum(addition.jobs for found in groups for addition in found.additions)
    return _Runs(runs, grown, groups[0].id if len(groups) == 1 and not ids else None)


RunsDep = Annotated[_Runs, Depends(_runs)]


async def _comparison(
    runs: RunsDep,
    datasets: DatasetsDep,
    metric: Annotated[
        MetricName, Query(description="Metric by which settings are ranked and judged.")
    ] = "test_accuracy",
) -> Comparison:
    find_dataset = cache(datasets.find)
    return await asyncio.to_thread(compare, runs.jobs, metric, lambda plan: _parameters(plan, find_dataset), runs.grown)


ComparisonDep = Annotated[Comparison, Depends(_comparison)]


@router.get("", summary="Compare runs", responses=problem_responses(*REFUSALS))
async def get_comparison(comparison: ComparisonDep, runs: RunsDep, request: Request) -> ComparisonAnswer:
    """Settings that differ, histories and final metrics side by side, and a verdict in plain words.

    Runs that differ only in their seed are one setting, with the mean and the sample standard deviation of its runs.
    A difference counts as larger than the noise when its 95 % Welch interval excludes zero, with Bonferroni's
    correction for the number of settings. With one seed per setting no verdict is possible; `next_commands` then says
    what to run. Jobs that did not succeed are shown but do not count; `left_out` says why.
    """
    url = str(request.base_url).rstrip("/") + _place_of_more(runs, comparison.next_requests)
    commands = [f"curl -s {url} --json {shlex.quote(json.dumps(body))}" for body in comparison.next_requests]
    return ComparisonAnswer(**dict(comparison), next_commands=commands)


@router.get(
    ".{picture_format}",
    summary="Picture of a comparison",
    response_class=Response,
    responses={
        **problem_responses(*REFUSALS, TooManyDrawings),
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


def _place_of_more(runs: _Runs, requests: Sequence[Mapping[str, Any]]) -> str:
    """Where more runs are submitted: to the group that is compared, where it has room for them."""
    new = sum(math.prod(map(len, request.get("grid", {}).values())) for request in requests)
    return "/jobs" if runs.group is None or len(runs.jobs) + new > MAX_JOBS else f"/groups/{runs.group}/jobs"


def _parameters(plan: TrainingPlan, find_dataset: FindDataset) -> int | None:
    """Number of parameters for the dataset as it is now; None when it cannot be read, or nothing is trained."""
    if plan.upload is not None:
        return None
    try:
        info = find_dataset(plan.dataset)
    except (DatasetError, StoreUnavailable):
        return None
    return analyse(plan.network, info.image_shape, len(info.classes)).parameters
