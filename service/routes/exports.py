"""Routes of versions in other formats: the small job that makes one, and the list of those that a version has."""

import asyncio

from fastapi import APIRouter

from service.deps import StoreDep
from service.models.exports import ExportList, ExportRequest, exports_of, require_exporter
from service.routes.named_versions import OfVersion, of_version
from service.routes.version_jobs import STARTS_A_JOB, VersionJobsDep
from worker.jobs.export_plan import plan_export
from worker.jobs.records import JobRecord

router = APIRouter(prefix="/models/{name}", tags=["models"])


@of_version(router, "/exports", summary="Export a version to another format", **STARTS_A_JOB)
async def export_version(manifest: OfVersion, body: ExportRequest, jobs: VersionJobsDep) -> JobRecord:
    """Queue a job of some seconds that lets Keras write the version as a LiteRT file, a SavedModel or for OpenVINO.

    The file is opened by its own runtime and tested on the pictures that the version was tested on. It is added to the
    version only if its accuracy is within 0.1 percentage points of that of Keras; otherwise the job fails with both
    (`parity`). An export in the same format replaces an earlier one. `Location` has the job's URL.
    """
    plan = await asyncio.to_thread(plan_export, manifest, body.format, jobs.datasets.find)
    require_exporter(body.format, await jobs.queue.call(jobs.queue.jobs.workers))
    return await jobs.submit(plan)


@of_version(router, "/exports", summary="Exports of a version", response_model=ExportList)
async def list_exports(manifest: OfVersion, store: StoreDep) -> ExportList:
    """The formats that the version was exported to: each with its file, its size and SHA-256, and its figures.

    `GET …/files/{file}` downloads one, as it does the version's own files.
    """
    return ExportList(exports=await asyncio.to_thread(exports_of, store, manifest))
