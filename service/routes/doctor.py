"""Routes of the run doctor."""

import asyncio

from fastapi import APIRouter

from model_store import Manifest
from service.deps import StoreDep
from service.models.diagnoses import diagnosis_of_version
from service.models.version_files import VersionFiles
from service.routes.named_versions import of_version
from worker.doctor.findings import Diagnosis

router = APIRouter(prefix="/models/{name}", tags=["models"])


@of_version(router, "/doctor", summary="What the doctor found in a version's run", response_model=Diagnosis)
async def get_doctor(manifest: Manifest, store: StoreDep) -> Diagnosis:
    """What is wrong with the run that made the version, each finding with its evidence, advice and a command to try.

    The findings were made at publication; those of a version published before there was a doctor are made now, from
    the files that it has. A version with a finding of severity `error` is *passed over*: it answers only when its
    number or one of its own aliases is named.
    """
    return await asyncio.to_thread(diagnosis_of_version, VersionFiles(store, manifest))
