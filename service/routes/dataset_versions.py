"""Routes that make a dataset grow, and that delete one of its versions."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response, status
from fastapi.exceptions import RequestValidationError

from model_store import DatasetMissing, DatasetTaken, StoreFull, StoreUnavailable
from service.datasets.answers import DatasetAnswer
from service.datasets.archive_bodies import receive_archive
from service.datasets.growth import options_for
from service.deps import (
    REQUIRE_FREE_SPACE,
    CallerDep,
    ConversionsDep,
    DatasetsDep,
    QueueDep,
    StateDep,
    StoreDep,
    UsageDep,
)
from service.errors import (
    ArchiveUnusable,
    DatasetBuiltIn,
    DatasetInUse,
    DiskFull,
    OnlyVersion,
    TooManyUploads,
    UploadRejected,
)
from service.jobs.queue import JobQueue
from service.quotas.checks import maker_of, require_dataset_bytes
from service.routes.datasets import ARCHIVE, require_owner_of
from service.web.freed import Freed
from service.web.key_errors import NotOwner
from service.web.problem_docs import problem_responses
from service.web.quota_errors import StorageExceeded
from worker.datasets import DATASETS, DatasetCorrupt, DatasetNotFound, DatasetNotReady, reference_to
from worker.datasets.upload.options import UploadOptions
from worker.job_store.filters import NEWEST, JobFilter
from worker.jobs.errors import QueueUnavailable
from worker.jobs.states import JobState

router = APIRouter(prefix="/datasets", tags=["datasets"])

JOBS_AT_ONCE = 1000
ENCODING = {"type": "string", "description": UploadOptions.model_fields["encoding"].description}
FORM = {"type": "object", "required": ["file"], "properties": {"file": ARCHIVE, "encoding": ENCODING}}
ADDITION_DOCS = {
    "parameters": [{"name": "encoding", "in": "query", "required": False, "schema": ENCODING}],
    "requestBody": {
        "required": True,
        "content": {
            "application/zip": {"schema": ARCHIVE},
            "multipart/form-data": {"schema": FORM},
        },
    },
}


@router.post(
    "/{name}/pictures",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Add pictures to a dataset",
    dependencies=[REQUIRE_FREE_SPACE],
    openapi_extra=ADDITION_DOCS,
    responses=problem_responses(
        UploadRejected,
        ArchiveUnusable,
        DatasetNotFound,
        DatasetNotReady,
        DatasetBuiltIn,
        DatasetCorrupt,
        DatasetTaken,
        NotOwner,
        TooManyUploads,
        StorageExceeded,
        DiskFull,
        StoreFull,
        StoreUnavailable,
    ),
)
async def add_pictures(
    name: str,
    request: Request,
    response: Response,
    state: StateDep,
    datasets: DatasetsDep,
    conversions: ConversionsDep,
    store: StoreDep,
    caller: CallerDep,
    usage: UsageDep,
) -> DatasetAnswer:
    """Send an archive as for a new dataset; one class folder is enough, and new classes may be among them.

    The pictures become a new version of the dataset, behind those that it has, which keep their places and splits.
    Pictures that it has already, with the same label, are left out. Size and colour are the dataset's. The answer is
    202; `addition` in the dataset's answer shows the progress, and `versions` has the new version once it is there.
    Models and jobs keep the version that they have; new jobs take the newest one, unless they name another.
    """
    if name in DATASETS:
        raise DatasetBuiltIn(name, "receive more pictures")
    await asyncio.to_thread(datasets.find, name)
    await require_owner_of(caller, store.datasets, name)
    await asyncio.to_thread(store.datasets.refuse_busy, name)
    length = request.headers.get("content-length", "")
    await require_dataset_bytes(caller, usage, int(length) if length.isdecimal() else 0)
    async with conversions.receiving() as folder:
        limits = state.settings.max_dataset_bytes, state.settings.min_free_bytes
        sent = await receive_archive(request, folder.archive, {"name": name, **request.query_params}, *limits)
        _refuse_other_options(sent, name)
        grown = await asyncio.to_thread(store.datasets.manifest, name)
        await conversions.start(folder, options_for(grown, sent.encoding), maker_of(caller, usage), grown)
    response.headers["Location"] = f"/datasets/{name}"
    return await datasets.one(name)


@router.delete(
    "/{name}/versions/{version}",
    summary="Delete a version of a dataset",
    responses=problem_responses(
        DatasetNotFound, DatasetBuiltIn, DatasetInUse, OnlyVersion, NotOwner, StoreUnavailable, QueueUnavailable
    ),
)
async def delete_dataset_version(
    name: str,
    version: Annotated[int, Path(ge=1, le=10**6)],
    store: StoreDep,
    queue: QueueDep,
    caller: CallerDep,
) -> Freed:
    """Delete one version of an uploaded dataset. Models trained on it stay, and its number is not given again.

    Refused while a queued or running job uses it, and for the only version.
    """
    if name in DATASETS:
        raise DatasetBuiltIn(name)
    await require_owner_of(caller, store.datasets, name)
    versions = [found.version for found in await asyncio.to_thread(store.datasets.versions, name)]
    if version not in versions:
        raise DatasetNotFound(reference_to(name, version), [reference_to(name, found) for found in versions])
    if versions == [version]:
        raise OnlyVersion(name, version)
    await _refuse_used(name, version, queue)
    try:
        return Freed(freed_bytes=await asyncio.to_thread(store.datasets.delete_version, name, version))
    except DatasetMissing as error:
        raise DatasetNotFound(reference_to(name, version)) from error


def _refuse_other_options(sent: UploadOptions, name: str) -> None:
    """Refuse what would make the new pictures unlike the others."""
    others = sorted(sent.model_fields_set - {"name", "encoding"}) + ["name"] * (sent.name != name)
    if others:
        message = "An addition takes the dataset's own options; expected `encoding` at most"
        raise RequestValidationError([{"type": "extra_forbidden", "loc": ("query", others[0]), "msg": message}])


async def _refuse_used(name: str, version: int, queue: JobQueue) -> None:
    wanted = JobFilter((JobState.QUEUED, JobState.RUNNING), properties={"dataset": name})
    users: list[str] = []
    below = NEWEST
    while found := (await queue.call(queue.jobs.find, wanted, below, JOBS_AT_ONCE))[0]:
        records = await queue.call(queue.jobs.existing, [job.id for job in found])
        users += [record.id for record in records if record.request.dataset_version in {None, version}]
        below = found[-1].sequence
    if users:
        raise DatasetInUse(name, users)
