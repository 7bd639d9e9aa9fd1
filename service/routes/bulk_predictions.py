"""Routes that classify many pictures as a job."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, status

from model_store import StoreFull
from service.bulk.asked import (
    Asked,
    SplitWanted,
    document_schemas,
    is_json,
    listed,
    pack_list,
    read_json,
    receive_archive,
    split_of,
)
from service.bulk.submitting import Submission
from service.datasets.scratch import Scratch
from service.deps import REQUIRE_FREE_SPACE, CallerDep, RequestIdDep, StateDep, UsageDep
from service.errors import (
    ArchiveUnusable,
    BodyTooLarge,
    BodyTypeUnsupported,
    DatasetPictureNotFound,
    DiskFull,
    JsonRejected,
    TooManyPictures,
    TooManyUploads,
    UploadRejected,
)
from service.predict.urls import DEFAULT_TOP_K
from service.quotas.checks import require_jobs
from service.routes.named_versions import OfVersion, of_version
from service.state import ServiceState
from service.web.quota_errors import QuotaExceeded, StorageExceeded
from worker.datasets import DatasetNotFound, DatasetNotReady, reference_to
from worker.datasets.unpacked import pictures_of
from worker.datasets.upload.errors import ArchiveRejected
from worker.jobs.errors import QueueUnavailable
from worker.jobs.records import JobRecord
from worker.jobs.request import RequestInvalid
from worker.predictions.options import Split

router = APIRouter(prefix="/models/{name}", tags=["predict"])

_ARCHIVE = {"type": "string", "format": "binary", "description": "A zip or tar archive of pictures, in any folders."}
BULK_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            **{kind: {"schema": _ARCHIVE} for kind in ("application/zip", "application/x-tar", "application/gzip")},
            "multipart/form-data": {
                "schema": {"type": "object", "required": ["file"], "properties": {"file": _ARCHIVE}}
            },
            "application/json": {
                "schema": {"oneOf": document_schemas()},
                "example": {"dataset": "fashion_mnist", "split": "test"},
            },
        },
    }
}
TopK = Annotated[int, Query(ge=1, le=100, description="Classes that each row names; all when there are fewer.")]


@of_version(
    router,
    "/predictions",
    summary="Classify many pictures as a job",
    errors=(
        *(BodyTooLarge, BodyTypeUnsupported, JsonRejected, UploadRejected, TooManyPictures, TooManyUploads),
        *(RequestInvalid, ArchiveUnusable, DatasetNotFound, DatasetNotReady, DatasetPictureNotFound),
        *(QuotaExceeded, StorageExceeded, QueueUnavailable, DiskFull, StoreFull),
    ),
    methods=("POST",),
    status_code=status.HTTP_202_ACCEPTED,
    response_model=JobRecord,
    dependencies=[REQUIRE_FREE_SPACE],
    openapi_extra=BULK_BODY,
)
async def predict_many(
    manifest: OfVersion,
    request: Request,
    response: Response,
    state: StateDep,
    request_id: RequestIdDep,
    caller: CallerDep,
    usage: UsageDep,
    top_k: TopK = DEFAULT_TOP_K,
) -> JobRecord:
    """Queue a job of the kind `predictions`, which writes one row for each picture; `Location` has its URL.

    The pictures are an archive (the body, or the field `file` of a form), a split of a dataset, or a list as in
    `/predict`, of at most 1,000. The version that answers is chosen now, also behind an alias. The job runs in a worker
    and does not slow down `/predict`; it has progress, events, a log, and can be cancelled. After an interruption it
    goes on where it was. `GET /jobs/{id}/predictions` has the rows.
    """
    await require_jobs(caller, usage, 1)
    submission = Submission(state.store, state.queue, state.conversions.limits, state.settings.max_bulk_pictures)
    async with state.conversions.receiving() as folder:
        asked = await _received(request, state, folder)
        dataset = None if asked.split is None else await _dataset(state, asked.split)
        file = folder.archive if dataset is None else None
        record = await submission.submit(manifest, asked, file, top_k, request_id, caller, dataset)
    response.headers["Location"] = f"/jobs/{record.id}"
    return record


async def _received(request: Request, state: ServiceState, folder: Scratch) -> Asked:
    """What the body asks for; an archive, or a list as one, is written into the folder."""
    settings = state.settings
    if not is_json(request):
        await receive_archive(request, folder.archive, settings.max_dataset_bytes, settings.min_free_bytes)
        return Asked()
    document = await read_json(request, settings.max_body_bytes)
    if (split := split_of(document)) is not None:
        return Asked(split=split)
    uploads = await state.fetcher.fetched(listed(document, settings.max_picture_bytes))
    try:
        return await asyncio.to_thread(pack_list, uploads, folder.archive, state.conversions.limits)
    except ArchiveRejected as error:
        raise ArchiveUnusable(error.message, error.code, error.hint) from error
    except OSError as error:
        raise DiskFull from error


async def _dataset(state: ServiceState, wanted: SplitWanted) -> tuple[str, int | None, Split]:
    """The dataset and its version that a split is of."""
    info = await state.dataset_pictures.find(reference_to(wanted.dataset, wanted.dataset_version))
    if not (n_pictures := pictures_of(info, wanted.split)):
        raise DatasetPictureNotFound(wanted.dataset, wanted.split, 0)
    if n_pictures > state.settings.max_bulk_pictures:
        raise TooManyPictures(state.settings.max_bulk_pictures)
    return wanted.dataset, info.version, wanted.split
