"""Starts jobs: `POST /jobs` with one training or a grid of them, queued or only estimated, and more jobs of a group."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response, status
from fastapi.openapi.models import Example

from service.deps import CallerDep, QueueDep, RequestIdDep
from service.jobs.dry_run import DryRun
from service.jobs.group_answers import Group, group_answer
from service.keys.ownership import require_owner
from service.routes.groups import GroupId
from service.routes.submitting import REFUSALS, SubmitterDep, digest_of
from service.web.key_errors import NotOwner
from service.web.problem_docs import problem_responses
from worker.jobs.errors import GroupFull, GroupNotFound
from worker.jobs.grids import GridRequest, Submission
from worker.jobs.records import JobRecord
from worker.jobs.varied import values_at

router = APIRouter(tags=["jobs"])

SUBMIT_EXAMPLES: dict[str, Example] = {
    "the lesson's LeNet": {
        "summary": "Architecture, dataset and epochs are enough",
        "value": {"architecture": "lenet5-fashion", "dataset": "fashion_mnist", "epochs": 10},
    },
    "a quick try": {
        "summary": "The bundled sample, with Adam",
        "value": {
            "architecture": "lenet5-fashion",
            "dataset": "fashion_mnist_sample",
            "epochs": 5,
            "optimizer": "adam",
            "batch_size": 32,
            "validation": "test",
        },
    },
    "a network of your own": {
        "summary": "Layers as JSON; the last one has one unit per class",
        "value": {
            "architecture": {
                "layers": [
                    {"type": "conv2d", "filters": 8, "kernel_size": 3, "activation": "relu"},
                    {"type": "max_pooling2d", "pool_size": 2},
                    {"type": "flatten"},
                    {"type": "dense", "units": "classes", "activation": "softmax"},
                ]
            },
            "dataset": "fashion_mnist_sample",
            "epochs": 3,
            "model": "my-first-network",
        },
    },
    "a grid": {
        "summary": "Every combination of some values, queued as one group",
        "value": {
            "architecture": "lenet5-fashion",
            "dataset": "fashion_mnist_sample",
            "epochs": 5,
            "grid": {"overrides.activation": ["tanh", "relu"], "seed": [1, 2, 3]},
        },
    },
}
MORE_EXAMPLES: dict[str, Example] = {
    "more seeds": {
        "summary": "As the group's own grid, with other seeds",
        "value": {
            "architecture": "lenet5-fashion",
            "dataset": "fashion_mnist_sample",
            "epochs": 5,
            "grid": {"overrides.activation": ["tanh", "relu"], "seed": [4, 5]},
        },
    },
}

DryRunQuery = Annotated[
    bool,
    Query(alias="dry_run", description="Queue nothing; answer with what would be queued and what it would cost."),
]


@router.post(
    "/jobs",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Start a training, or a grid of them",
    responses={
        **problem_responses(*REFUSALS),
        200: {"model": DryRun, "description": "What would happen; only with `dry_run`."},
    },
    response_model=JobRecord | Group,
)
async def submit_job(
    submission: Annotated[Submission, Body(openapi_examples=SUBMIT_EXAMPLES)],
    response: Response,
    queue: QueueDep,
    submitter: SubmitterDep,
    request_id: RequestIdDep,
    caller: CallerDep,
    dry: DryRunQuery = False,
) -> JobRecord | Group | Response:
    """Queue a training job and return it with every default filled in; `Location` has its URL.

    `architecture`, `dataset` and `epochs` are enough. With a `grid`, every combination of its values becomes a job,
    all of them or none, and the answer is their group. Jobs of a grid publish like all others: jobs with the same model
    name publish versions of that model, so set `model` to keep an experiment apart. A job that was accepted with 202 is
    never lost.
    """
    if dry:
        outcome = await submitter.outlook(submission)
        return Response(outcome.model_dump_json(), media_type="application/json")
    jobs = await submitter.accepted(submission)
    key, digest = submitter.idempotency_key, digest_of(submission)
    if isinstance(submission, GridRequest):
        request = submission.model_dump(mode="json")
        group = await queue.submit_group(request, jobs, key, digest, request_id, caller)
        response.headers["Location"] = f"/groups/{group.id}"
        return group_answer(group)
    record = await queue.submit(jobs[0], key, digest, request_id, caller)
    response.headers["Location"] = f"/jobs/{record.id}"
    return record


@router.post(
    "/groups/{group_id}/jobs",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Add jobs to a group",
    responses={
        **problem_responses(*REFUSALS, GroupNotFound, GroupFull, NotOwner),
        200: {"model": DryRun, "description": "What would happen; only with `dry_run`."},
    },
    response_model=Group,
)
async def grow_group(
    group_id: GroupId,
    submission: Annotated[Submission, Body(openapi_examples=MORE_EXAMPLES)],
    queue: QueueDep,
    submitter: SubmitterDep,
    request_id: RequestIdDep,
    caller: CallerDep,
    dry: DryRunQuery = False,
) -> Group | Response:
    """Queue a training, or a grid of them, as part of a group, such as more seeds for an unclear verdict.

    The body is that of `POST /jobs`. All of its jobs are added or none; a group has at most 100. `GET /compare?group=`
    counts them like the others, and its verdict says that the group has grown.
    """
    group = await queue.call(queue.groups.get, group_id)
    for job in group.jobs:
        require_owner(caller, job.owner, f"group {group_id!r}")
    if dry:
        outcome = await submitter.outlook(submission)
        return Response(outcome.model_dump_json(), media_type="application/json")
    paths = dict.fromkeys(path for job in group.jobs for path in job.varied)
    jobs = [
        job.model_copy(update={"varied": values_at(job.plan, paths) | job.varied})
        for job in await submitter.accepted(submission)
    ]
    key, digest = submitter.idempotency_key, digest_of(submission, group_id)
    return group_answer(await queue.grow_group(group_id, jobs, key, digest, request_id, caller))
