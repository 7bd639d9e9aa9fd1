"""Starts jobs: `POST /jobs` with one training or a grid of them, queued or only estimated."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Body, Header, Query, Response, status
from fastapi.openapi.models import Example

from model_store import StoreFull
from service.deps import CallerDep, CatalogDep, DatasetsDep, QueueDep, RequestIdDep, SettingsDep, StoreDep, UsageDep
from service.jobs.dry_run import DryRun, dry_run
from service.jobs.group_answers import Group, group_answer
from service.jobs.memory_check import with_memory
from service.jobs.queue import JobQueue
from service.models.catalog import Catalog
from service.quotas.checks import require_jobs
from service.settings import ApiSettings
from service.web.outgoing import AddressRefused, checked
from service.web.problem_docs import problem_responses
from service.web.quota_errors import QuotaExceeded, StorageExceeded
from worker.datasets import DatasetNotReady, FindDataset
from worker.jobs.errors import IdempotencyConflict, QueueUnavailable
from worker.jobs.grids import GridRequest, PlannedJob, Planner, Submission, plan_grid
from worker.jobs.plan import plan
from worker.jobs.records import JobRecord
from worker.jobs.request import JobRequest, RequestInvalid, labels_of

router = APIRouter(prefix="/jobs", tags=["jobs"])

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


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Start a training, or a grid of them",
    responses={
        **problem_responses(
            RequestInvalid,
            DatasetNotReady,
            IdempotencyConflict,
            QueueUnavailable,
            QuotaExceeded,
            StorageExceeded,
            StoreFull,
        ),
        200: {"model": DryRun, "description": "What would happen; only with `dry_run`."},
    },
    response_model=JobRecord | Group,
)
async def submit_job(
    submission: Annotated[Submission, Body(openapi_examples=SUBMIT_EXAMPLES)],
    response: Response,
    queue: QueueDep,
    catalog: CatalogDep,
    datasets: DatasetsDep,
    store: StoreDep,
    settings: SettingsDep,
    request_id: RequestIdDep,
    caller: CallerDep,
    usage: UsageDep,
    dry: Annotated[
        bool,
        Query(alias="dry_run", description="Queue nothing; answer with what would be queued and what it would cost."),
    ] = False,
    idempotency_key: Annotated[
        str | None,
        Header(max_length=200, description="A repeated request with the same key returns the first request's job."),
    ] = None,
) -> JobRecord | Group | Response:
    """Queue a training job and return it with every default filled in; `Location` has its URL.

    `architecture`, `dataset` and `epochs` are enough. With a `grid`, every combination of its values becomes a job,
    all of them or none, and the answer is their group. Jobs of a grid publish like all others: jobs with the same model
    name publish versions of that model, so set `model` to keep an experiment apart. A job that was accepted with 202 is
    never lost.
    """
    find_dataset = cache(datasets.find)
    plan_one = await _planner(submission, catalog, find_dataset)
    if dry:
        planned = await asyncio.to_thread(_planned, submission, plan_one)
        outcome = await dry_run(planned, catalog, find_dataset)
        return Response(outcome.model_dump_json(), media_type="application/json")
    await _require(asyncio.to_thread(store.require_free_space), queue, idempotency_key)
    await _check_notify(submission, settings)
    digest = _digest(submission)
    planned = await asyncio.to_thread(_planned, submission, plan_one)
    await _require(require_jobs(caller, usage, len(planned)), queue, idempotency_key)
    jobs = await with_memory(planned, queue, settings.trainer_memory_bytes, find_dataset)
    if isinstance(submission, GridRequest):
        group = await queue.submit_group(
            submission.model_dump(mode="json"), jobs, idempotency_key or "", digest, request_id, caller.name
        )
        response.headers["Location"] = f"/groups/{group.id}"
        return group_answer(group)
    record = await queue.submit(jobs[0], idempotency_key or "", digest, request_id, caller.name)
    response.headers["Location"] = f"/jobs/{record.id}"
    return record


async def _check_notify(submission: JobRequest | GridRequest, settings: ApiSettings) -> None:
    """Refuse an address that this server does not send to; names that change later are checked again."""
    url = submission.model_dump().get("notify")
    if not isinstance(url, str):
        return
    try:
        await asyncio.to_thread(checked, url, allow_private=settings.notify_private)
    except AddressRefused as error:
        raise RequestInvalid(("notify",), str(error)) from error


async def _require(check: Awaitable[None], queue: JobQueue, idempotency_key: str | None) -> None:
    """Refuse jobs that do not pass a check: without disk space they would end as `disk_full`, or the key allows fewer.

    A repetition is let through. It adds no job; it only asks for an answer that its client missed.
    """
    try:
        await check
    except (StoreFull, QuotaExceeded, StorageExceeded):
        if not idempotency_key or not await queue.call(queue.jobs.is_repetition, idempotency_key):
            raise


async def _planner(submission: JobRequest | GridRequest, catalog: Catalog, find_dataset: FindDataset) -> Planner:
    """Plans one request; the index is read only if the submission continues from a published version."""
    sent = submission.model_dump(exclude_unset=True)
    if "initial_model" not in sent and "initial_model" not in sent.get("grid", ()):
        return lambda request: plan(request, find_dataset=find_dataset)
    index = await catalog.index()
    return lambda request: plan(request, index.find, find_dataset)


def _planned(submission: JobRequest | GridRequest, plan_one: Planner) -> list[PlannedJob]:
    if isinstance(submission, GridRequest):
        return plan_grid(submission, plan_one)
    return [PlannedJob(varied={}, plan=plan_one(submission), labels=labels_of(submission))]


def _digest(submission: JobRequest | GridRequest) -> str:
    """A digest that is equal for equal requests, whatever the order of their fields."""
    sent = submission.model_dump(mode="json", exclude_unset=True)
    return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()
