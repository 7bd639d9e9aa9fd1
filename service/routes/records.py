"""Starts the small job that records what a version of an older release lacks."""

import asyncio

from fastapi import APIRouter, Response, status

from model_store import StoreFull
from service.deps import REQUIRE_FREE_SPACE, CallerDep, DatasetsDep, QueueDep, RequestIdDep
from service.routes.named_versions import OfVersion, of_version
from service.web.quota_errors import QuotaExceeded
from worker.datasets import DatasetNotReady
from worker.jobs.errors import QueueUnavailable
from worker.jobs.grids import PlannedJob
from worker.jobs.record_plan import plan_record
from worker.jobs.records import JobRecord
from worker.jobs.request import RequestInvalid

router = APIRouter(prefix="/models/{name}", tags=["inside"])


@of_version(
    router,
    "/record",
    summary="Record what a version of an older release lacks",
    errors=(RequestInvalid, DatasetNotReady, QueueUnavailable, QuotaExceeded, StoreFull),
    methods=("POST",),
    status_code=status.HTTP_202_ACCEPTED,
    response_model=JobRecord,
    dependencies=[REQUIRE_FREE_SPACE],
)
async def record_version(
    manifest: OfVersion,
    response: Response,
    queue: QueueDep,
    datasets: DatasetsDep,
    request_id: RequestIdDep,
    caller: CallerDep,
) -> JobRecord:
    """Queue a job of a few seconds, after which one can look inside the version and ask how far to trust its answers.

    It runs the version's Keras and ONNX files on pictures of its dataset and trains nothing; the version's own files
    stay as they are. How far to trust answers is recorded only where pictures were held out from the training.
    `Location` has the job's URL.
    """
    plan = await asyncio.to_thread(plan_record, manifest, datasets.find)
    record = await queue.submit(PlannedJob(varied={}, plan=plan), "", "", request_id, caller)
    response.headers["Location"] = f"/jobs/{record.id}"
    return record
