"""Routes of datasets: list, get, upload, delete."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, status

from model_store import DatasetDamaged, DatasetMissing, DatasetStore, DatasetTaken, StoreFull, StoreUnavailable
from service.datasets.answers import DatasetAnswer, DatasetList, DatasetState
from service.datasets.archive_bodies import read_options, receive_archive
from service.deps import (
    REQUIRE_FREE_SPACE,
    CallerDep,
    ConversionsDep,
    DatasetsDep,
    QueueDep,
    SheetsDep,
    StateDep,
    StoreDep,
    UsageDep,
)
from service.errors import (
    ArchiveUnusable,
    DatasetBuiltIn,
    DatasetInUse,
    DiskFull,
    PreviewUnavailable,
    RangeNotSatisfiable,
    TooManyUploads,
    UploadRejected,
)
from service.jobs.queue import JobQueue
from service.keys.callers import LOCAL, Caller
from service.keys.ownership import require_owner
from service.quotas.checks import maker_of, require_dataset_bytes
from service.web.byte_ranges import ConditionsDep, answer_bytes
from service.web.drawing_errors import TooManyDrawings
from service.web.freed import Freed
from service.web.key_errors import NotOwner
from service.web.problem_docs import problem_responses
from service.web.quota_errors import StorageExceeded
from worker.datasets import DATASETS, DatasetCorrupt, DatasetNotFound
from worker.datasets.upload.options import UploadOptions
from worker.job_store.filters import JobFilter
from worker.jobs.errors import QueueUnavailable
from worker.jobs.states import JobState
from worker.patterns import TAG_PATTERN

router = APIRouter(prefix="/datasets", tags=["datasets"])

ARCHIVE = {
    "type": "string",
    "format": "binary",
    "description": "A zip or tar of class folders, a CSV file with a label and pixels, or a Parquet file of pictures.",
}


def _options_schema() -> dict[str, Any]:
    """The options of an upload, as query parameters and as fields of a form."""
    return UploadOptions.model_json_schema()["properties"] | {  # type: ignore[no-any-return]
        "image_size": {
            "type": "string",
            "pattern": r"^\d{1,3}(x\d{1,3})?$",
            "description": UploadOptions.model_fields["image_size"].description,
            "examples": ["64", "48x64"],
        },
        "tags": {
            "type": "string",
            "description": UploadOptions.model_fields["tags"].description,
            "examples": UploadOptions.model_fields["tags"].examples,
        },
    }


UPLOAD_DOCS = {
    "parameters": [
        {"name": name, "in": "query", "required": False, "description": schema.pop("description"), "schema": schema}
        for name, schema in _options_schema().items()
    ],
    "requestBody": {
        "required": True,
        "content": {
            **{
                kind: {"schema": ARCHIVE}
                for kind in (
                    "application/zip",
                    "application/x-tar",
                    "application/gzip",
                    "text/csv",
                    "application/vnd.apache.parquet",
                )
            },
            "multipart/form-data": {
                "schema": {"type": "object", "required": ["file"], "properties": {"file": ARCHIVE} | _options_schema()}
            },
        },
    },
}


@router.get("", summary="List datasets", responses=problem_responses(StoreUnavailable))
async def list_datasets(
    datasets: DatasetsDep,
    owner: Annotated[str | None, Query(max_length=64, description="Only datasets of this owner.")] = None,
    tag: Annotated[str | None, Query(pattern=TAG_PATTERN, description="Only datasets with this tag.")] = None,
    state: Annotated[DatasetState | None, Query(description="Only datasets in this state.")] = None,
) -> DatasetList:
    """The datasets that can be trained on, and the uploads whose conversion is running or has failed."""
    wanted = {name: value for name, value in (("owner", owner), ("state", state)) if value is not None}
    found = [
        dataset
        for dataset in await datasets.all()
        if all(getattr(dataset, name) == value for name, value in wanted.items())
        and (tag is None or tag in dataset.tags)
    ]
    return DatasetList(datasets=found)


@router.post(
    "",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Upload a dataset",
    dependencies=[REQUIRE_FREE_SPACE],
    openapi_extra=UPLOAD_DOCS,
    responses=problem_responses(
        UploadRejected,
        ArchiveUnusable,
        DatasetTaken,
        TooManyUploads,
        StorageExceeded,
        DiskFull,
        StoreFull,
        StoreUnavailable,
    ),
)
async def upload_dataset(
    request: Request,
    response: Response,
    state: StateDep,
    datasets: DatasetsDep,
    conversions: ConversionsDep,
    store: StoreDep,
    caller: CallerDep,
    usage: UsageDep,
) -> DatasetAnswer:
    """Send a zip (or tar, tar.gz) with a folder of pictures for each class, optionally inside `train/` and `test/`.

    The archive is the body (`application/zip`, options in the query) or the field `file` of a form (options as fields
    beside it). Pictures are JPEG, PNG, WebP or BMP of any size, and are decoded by the same function as in
    `/predict`. An archive that breaks a rule is refused at once; otherwise the answer is 202, `Location` has the
    dataset's URL, and the dataset is `ready` when its conversion is done.
    """
    length = request.headers.get("content-length", "")
    await require_dataset_bytes(caller, usage, int(length) if length.isdecimal() else 0)
    query = dict(request.query_params)
    if "name" in query:
        await _refuse_taken(read_options(query, {}).name, store)
    async with conversions.receiving() as folder:
        options = await receive_archive(
            request, folder.archive, query, state.settings.max_dataset_bytes, state.settings.min_free_bytes
        )
        await _refuse_taken(options.name, store)
        if not length.isdecimal():
            await require_dataset_bytes(caller, usage, folder.archive.stat().st_size)
        await conversions.start(folder, options, maker_of(caller, usage))
    response.headers["Location"] = f"/datasets/{options.name}"
    return await datasets.one(options.name)


@router.get("/{name}", summary="One dataset", responses=problem_responses(DatasetNotFound, StoreUnavailable))
async def get_dataset(
    name: str,
    datasets: DatasetsDep,
    version: Annotated[
        int | None, Query(ge=1, le=10**6, description="Of an uploaded dataset. Default: the newest version.")
    ] = None,
) -> DatasetAnswer:
    """Pictures per class, shape, mean and deviation, fingerprint, licence, source; for an upload also its state.

    An uploaded dataset has versions: adding pictures makes a new one. Models name the one that they were trained on.
    """
    return await datasets.one(name, version)


@router.delete(
    "/{name}",
    summary="Delete a dataset",
    responses=problem_responses(
        DatasetNotFound, DatasetBuiltIn, DatasetInUse, NotOwner, StoreUnavailable, QueueUnavailable
    ),
)
async def delete_dataset(
    name: str, store: StoreDep, queue: QueueDep, conversions: ConversionsDep, caller: CallerDep
) -> Freed:
    """Delete an uploaded dataset, or end its conversion. Models trained on it stay.

    Refused while a queued or running job uses it.
    """
    if name in DATASETS:
        raise DatasetBuiltIn(name)
    await require_owner_of(caller, store.datasets, name)
    await _refuse_used(name, queue)
    await conversions.cancel(name)
    try:
        freed_bytes = await asyncio.to_thread(store.datasets.delete, name)
    except DatasetMissing as error:
        raise DatasetNotFound(name, [*DATASETS]) from error
    return Freed(freed_bytes=freed_bytes)


@router.get(
    "/{name}/preview.png",
    summary="Contact sheet of a dataset",
    response_class=Response,
    responses={
        200: {"description": "The picture.", "content": {"image/png": {"schema": {"type": "string"}}}},
        206: {"description": "The range of the picture that `Range` names."},
        304: {"description": "The picture is still the one that `If-None-Match` names."},
        **problem_responses(
            DatasetNotFound, PreviewUnavailable, RangeNotSatisfiable, TooManyDrawings, DatasetCorrupt, StoreUnavailable
        ),
    },
)
async def get_preview(
    name: str,
    sheets: SheetsDep,
    conditions: ConditionsDep,
) -> Response:
    """Some training pictures of every class, a row per class, with its label and its number of pictures per split."""
    picture, digest = await sheets.get(name)
    return answer_bytes(picture, f'"{digest}"', "image/png", conditions)


async def _refuse_taken(name: str, store: StoreDep) -> None:
    if name in DATASETS:
        raise DatasetTaken(name, "a built-in dataset has this name")
    await asyncio.to_thread(store.datasets.refuse_taken, name)


async def require_owner_of(caller: Caller, datasets: DatasetStore, name: str) -> None:
    """Refuse a caller who may not change a dataset. Raises `NotOwner`, `DatasetNotFound`, `StoreUnavailable`."""
    require_owner(caller, await asyncio.to_thread(_owner_of, datasets, name), f"dataset {name!r}")


def _owner_of(datasets: DatasetStore, name: str) -> str:
    """Owner of a dataset or an upload; of what cannot be read, `local`, so that an admin can delete it."""
    try:
        found = datasets.find(name)
    except DatasetDamaged:
        return LOCAL.name
    if found is None:
        raise DatasetNotFound(name, [*DATASETS])
    return found.owner


async def _refuse_used(name: str, queue: JobQueue) -> None:
    wanted = JobFilter((JobState.QUEUED, JobState.RUNNING), properties={"dataset": name})
    found, _ = await queue.call(queue.jobs.find, wanted)
    if found:
        raise DatasetInUse(name, [job.id for job in found])
