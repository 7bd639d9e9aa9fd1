"""Starts the small job that records what a version of an older release lacks."""

import asyncio

from fastapi import APIRouter

from service.routes.named_versions import OfVersion, of_version
from service.routes.version_jobs import STARTS_A_JOB, VersionJobsDep
from worker.jobs.record_plan import plan_record
from worker.jobs.records import JobRecord

router = APIRouter(prefix="/models/{name}", tags=["inside"])


@of_version(router, "/record", summary="Record what a version of an older release lacks", **STARTS_A_JOB)
async def record_version(manifest: OfVersion, jobs: VersionJobsDep) -> JobRecord:
    """Queue a job of a few seconds, after which one can look inside the version and ask how far to trust its answers.

    It runs the version's Keras and ONNX files on pictures of its dataset and trains nothing; the version's own files
    stay as they are. How far to trust answers is recorded only where pictures were held out from the training.
    `Location` has the job's URL.
    """
    return await jobs.submit(await asyncio.to_thread(plan_record, manifest, jobs.datasets.find))
