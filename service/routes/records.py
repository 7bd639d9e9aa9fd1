"""Starts the small job that records a version's layers, for versions that were published without a record."""

import asyncio
from typing import Any

from fastapi import APIRouter, Response, status

from model_store import Manifest, StoreFull
from service.datasets.listing import DatasetListing
from service.deps import REQUIRE_FREE_SPACE, CallerDep, DatasetsDep, QueueDep, RequestIdDep
from service.jobs.queue import JobQueue
from service.keys.callers import Caller
from service.routes.named_versions import NAMED, OfAlias, OfVersion
from service.web.problem_docs import problem_responses
from service.web.quota_errors import QuotaExceeded
from worker.datasets import DatasetNotReady
from worker.jobs.errors import QueueUnavailable
from worker.jobs.grids import PlannedJob
from worker.jobs.record_plan import plan_record
from worker.jobs.records import JobRecord
from worker.jobs.request import RequestInvalid

router = APIRouter(prefix="/models", tags=["inside"])

RECORD: dict[str, Any] = {
    "status_code": status.HTTP_202_ACCEPTED,
    "summary": "Record the layers of a version",
    "dependencies": [REQUIRE_FREE_SPACE],
    "responses": problem_responses(*NAMED, RequestInvalid, DatasetNotReady, QueueUnavailable, QuotaExceeded, StoreFull),
}


@router.post("/{name}/versions/{version}/record", **RECORD)
async def record_version(
    manifest: OfVersion,
    response: Response,
    queue: QueueDep,
    datasets: DatasetsDep,
    request_id: RequestIdDep,
    caller: CallerDep,
) -> JobRecord:
    """Queue a job of a few seconds that makes it possible to look inside a version published by an older release.

    It compares the version's Keras file with its ONNX file and trains nothing; the version's own files stay as they
    are. `Location` has the job's URL.
    """
    return await _submitted(manifest, response, queue, datasets, request_id, caller)


@router.post("/{name}/aliases/{alias}/record", **RECORD)
async def record_version_of_alias(
    manifest: OfAlias,
    response: Response,
    queue: QueueDep,
    datasets: DatasetsDep,
    request_id: RequestIdDep,
    caller: CallerDep,
) -> JobRecord:
    """Queue a job of a few seconds that makes it possible to look inside a version published by an older release."""
    return await _submitted(manifest, response, queue, datasets, request_id, caller)


async def _submitted(
    manifest: Manifest, response: Response, queue: JobQueue, datasets: DatasetListing, request_id: str, caller: Caller
) -> JobRecord:
    plan = await asyncio.to_thread(plan_record, manifest, datasets.find)
    record = await queue.submit(PlannedJob(varied={}, plan=plan), "", "", request_id, caller)
    response.headers["Location"] = f"/jobs/{record.id}"
    return record
