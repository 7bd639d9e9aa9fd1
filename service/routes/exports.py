"""Routes of versions in other formats: the small job that makes one, and the list of those that a version has."""

import asyncio

from fastapi import APIRouter, Response, status

from model_store import StoreFull
from service.deps import REQUIRE_FREE_SPACE, CallerDep, DatasetsDep, QueueDep, RequestIdDep, StoreDep
from service.models.exports import ExportList, ExportRequest, exports_of, require_exporter
from service.routes.named_versions import OfVersion, of_version
from service.web.quota_errors import QuotaExceeded
from worker.datasets import DatasetNotReady
from worker.jobs.errors import QueueUnavailable
from worker.jobs.export_plan import plan_export
from worker.jobs.grids import PlannedJob
from worker.jobs.records import JobRecord
from worker.jobs.request import RequestInvalid

router = APIRouter(prefix="/models/{name}", tags=["models"])


@of_version(
    router,
    "/exports",
    summary="Export a version to another format",
    errors=(RequestInvalid, DatasetNotReady, QueueUnavailable, QuotaExceeded, StoreFull),
    methods=("POST",),
    status_code=status.HTTP_202_ACCEPTED,
    response_model=JobRecord,
    dependencies=[REQUIRE_FREE_SPACE],
)
async def export_version(
    manifest: OfVersion,
    body: ExportRequest,
    response: Response,
    queue: QueueDep,
    datasets: DatasetsDep,
    request_id: RequestIdDep,
    caller: CallerDep,
) -> JobRecord:
    """Queue a job of some seconds that lets Keras write the version as a LiteRT file, a SavedModel or for OpenVINO.

    The file is opened by its own runtime and tested on the pictures that the version was tested on. It is added to the
    version only if its accuracy is within 0.1 percentage points of that of Keras; otherwise the job fails with both
    (`parity`). An export in the same format replaces an earlier one. `Location` has the job's URL.
    """
    plan = await asyncio.to_thread(plan_export, manifest, body.format, datasets.find)
    require_exporter(body.format, await queue.call(queue.jobs.workers))
    record = await queue.submit(PlannedJob(varied={}, plan=plan), "", "", request_id, caller)
    response.headers["Location"] = f"/jobs/{record.id}"
    return record


@of_version(router, "/exports", summary="Exports of a version", response_model=ExportList)
async def list_exports(manifest: OfVersion, store: StoreDep) -> ExportList:
    """The formats that the version was exported to: each with its file, its size and SHA-256, and its figures.

    `GET …/files/{file}` downloads one, as it does the version's own files.
    """
    return ExportList(exports=await asyncio.to_thread(exports_of, store, manifest))
