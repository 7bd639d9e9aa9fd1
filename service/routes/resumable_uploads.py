"""Uploads of archives that can be resumed, by the tus protocol 1.0.0: creation, termination, expiration."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response, status
from pydantic import BaseModel, Field

from model_store import DatasetTaken, StoreFull, StoreUnavailable
from model_store.free_space import has_space_for
from service.datasets.archive_bodies import read_options
from service.datasets.growth import options_for
from service.datasets.resumable import ResumableUpload, ResumableUploads, UploadRecord
from service.datasets.resumable_bodies import append_body
from service.deps import (
    REQUIRE_FREE_SPACE,
    CallerDep,
    ConversionsDep,
    DatasetsDep,
    SettingsDep,
    StateDep,
    StoreDep,
    UsageDep,
)
from service.errors import (
    ArchiveUnusable,
    BodyTooLarge,
    BodyTypeUnsupported,
    DatasetBuiltIn,
    DiskFull,
    TooManyUploads,
)
from service.keys.callers import Caller
from service.quotas.checks import maker_of, require_dataset_bytes
from service.quotas.usage import Usage
from service.routes.datasets import require_owner_of
from service.settings import ApiSettings
from service.state import ServiceState
from service.web.content_types import shown_type
from service.web.key_errors import NotOwner
from service.web.problem_docs import problem_responses
from service.web.quota_errors import StorageExceeded
from service.web.tus import TUS_HEADERS, header_refused, metadata_fields, require_version, tus_answer
from service.web.upload_errors import TUS_VERSION, OffsetConflict, TusUnsupported, UploadBusy, UploadNotFound
from worker.datasets import DATASETS, DatasetNotFound, DatasetNotReady

router = APIRouter(prefix="/uploads", tags=["datasets"])

PIECE_TYPE = "application/offset+octet-stream"
ADD_TO = "add_to"
PIECE_DOCS = {
    "requestBody": {"required": True, "content": {PIECE_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
}

Length = Annotated[int | None, Header(alias="Upload-Length", ge=1, description="Bytes of the whole archive.")]
Offset = Annotated[int | None, Header(alias="Upload-Offset", ge=0, description="Bytes that have come so far.")]
Metadata = Annotated[
    str,
    Header(
        alias="Upload-Metadata",
        max_length=16_384,
        description="Options as for `POST /datasets`, such as `name cGV0cw==`: values in base64, pairs separated by "
        "commas. `add_to` instead of `name` adds the pictures to a dataset.",
    ),
]
Version = Annotated[str, Header(alias="Tus-Resumable", description="`1.0.0`; may be left out.")]


class UploadState(BaseModel, defer_build=True):
    """How much of an upload has come."""

    offset: int = Field(description="Bytes that have come; the next piece begins there.")
    length: int = Field(description="Bytes of the whole archive.")
    expires_at: datetime = Field(description="When the upload is removed, unless more bytes come.")


@router.options("", status_code=status.HTTP_204_NO_CONTENT, summary="What resumable uploads can do")
async def describe_uploads(settings: SettingsDep) -> Response:
    """Version and extensions of the tus protocol, and the largest archive."""
    return tus_answer(
        status.HTTP_204_NO_CONTENT,
        {
            "Tus-Version": TUS_VERSION,
            "Tus-Extension": "creation,termination,expiration",
            "Tus-Max-Size": str(settings.max_dataset_bytes),
        },
    )


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Begin an upload that can be resumed",
    dependencies=[REQUIRE_FREE_SPACE],
    responses=problem_responses(
        TusUnsupported,
        BodyTooLarge,
        DatasetTaken,
        DatasetNotFound,
        DatasetNotReady,
        DatasetBuiltIn,
        NotOwner,
        TooManyUploads,
        StorageExceeded,
        DiskFull,
        StoreFull,
        StoreUnavailable,
    ),
)
async def begin_upload(
    state: StateDep,
    datasets: DatasetsDep,
    store: StoreDep,
    caller: CallerDep,
    usage: UsageDep,
    length: Length = None,
    metadata: Metadata = "",
    version: Version = TUS_VERSION,
) -> Response:
    """Announce an archive; `Location` has the address to send its pieces to.

    Name, quota and space are checked before any byte is sent. Pieces go to that address by `PATCH`, and after a broken
    connection `HEAD` says where to go on. The last piece starts the conversion, as `POST /datasets` does. An upload to
    which nothing was sent for a day is removed.
    """
    require_version(version)
    if length is None:
        raise header_refused("Upload-Length", "Expected the bytes of the whole archive; a length cannot be deferred")
    if length > state.settings.max_dataset_bytes:
        raise BodyTooLarge(state.settings.max_dataset_bytes)
    fields = metadata_fields(metadata)
    add_to = fields.pop(ADD_TO, None)
    name = read_options({}, {"name": add_to or "", **fields} if add_to else fields).name
    if add_to is None:
        await asyncio.to_thread(store.datasets.refuse_taken, name)
    if name in DATASETS:
        raise DatasetBuiltIn(name, "receive pictures")
    if add_to is not None:
        await asyncio.to_thread(datasets.find, name)
        await require_owner_of(caller, store.datasets, name)
    uploads = _uploads(state.settings)
    await _require_bytes(uploads, state.settings, caller, usage, length)
    record = UploadRecord(owner=caller.name, length=length, options=fields, add_to=add_to)
    upload = await asyncio.to_thread(uploads.create, record)
    return tus_answer(status.HTTP_201_CREATED, {"Location": f"/uploads/{upload.id}", **_progress(upload)})


@router.get(
    "/{upload}",
    summary="How much of an upload has come",
    responses=problem_responses(UploadNotFound),
)
async def get_upload(upload: str, response: Response, settings: SettingsDep, caller: CallerDep) -> UploadState:
    """The offset at which to go on; clients of tus ask with `HEAD`, and read `Upload-Offset`."""
    found = await asyncio.to_thread(_uploads(settings).find, upload, caller.name)
    response.headers.update({**TUS_HEADERS, **_progress(found), "Cache-Control": "no-store"})
    return UploadState(offset=found.offset, length=found.record.length, expires_at=found.expires_at)


@router.patch(
    "/{upload}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Send a piece of an upload",
    openapi_extra=PIECE_DOCS,
    responses=problem_responses(
        TusUnsupported,
        UploadNotFound,
        UploadBusy,
        OffsetConflict,
        BodyTypeUnsupported,
        BodyTooLarge,
        ArchiveUnusable,
        DatasetTaken,
        TooManyUploads,
        StorageExceeded,
        DiskFull,
        StoreUnavailable,
    ),
)
async def send_piece(
    upload: str,
    request: Request,
    state: StateDep,
    conversions: ConversionsDep,
    caller: CallerDep,
    usage: UsageDep,
    offset: Offset = None,
    version: Version = TUS_VERSION,
) -> Response:
    """Append bytes. What comes before a connection breaks is kept.

    With the last byte the conversion starts, and `Location` has the dataset's address; an archive that breaks a rule is
    refused then. If anything else is in the way (a busy server, a store that does not answer, a name that was taken
    meanwhile, a quota), the bytes stay; repeat the request with an empty body.
    """
    require_version(version)
    kind = shown_type(request.headers.get("content-type", ""))
    if kind.lower() != PIECE_TYPE:
        raise BodyTypeUnsupported(f"Content-Type {PIECE_TYPE}", kind, "It is what clients of tus send.")
    found = await asyncio.to_thread(_uploads(state.settings).find, upload, caller.name)
    with found.locked():
        if offset != found.offset:
            raise OffsetConflict(found.offset, offset)
        received = await append_body(request, found, state.settings.min_free_bytes)
        if received < found.record.length:
            return tus_answer(status.HTTP_204_NO_CONTENT, _progress(found))
        name = await _convert(found, state, conversions, caller, usage)
    return tus_answer(status.HTTP_204_NO_CONTENT, {"Upload-Offset": str(received), "Location": f"/datasets/{name}"})


@router.delete(
    "/{upload}",
    status_code=status.HTTP_204_NO_CONTENT,
    summary="Give up an upload",
    responses=problem_responses(UploadNotFound, UploadBusy),
)
async def end_upload(upload: str, settings: SettingsDep, caller: CallerDep) -> Response:
    """Remove what has come of an upload."""
    found = await asyncio.to_thread(_uploads(settings).find, upload, caller.name)
    with found.locked():
        await asyncio.to_thread(found.remove)
    return tus_answer(status.HTTP_204_NO_CONTENT, {})


async def _convert(
    upload: ResumableUpload, state: ServiceState, conversions: ConversionsDep, caller: Caller, usage: Usage
) -> str:
    """Start the conversion of a complete archive, and return the dataset's name.

    The archive stays in the upload until a converter has accepted or refused it. So what has nothing to do with the
    archive (a busy server, a store that does not answer, a process that dies) loses none of its bytes.
    """
    record, datasets = upload.record, state.store.datasets
    grown = None if record.add_to is None else await asyncio.to_thread(datasets.manifest, record.add_to)
    encoding = record.options.get("encoding")
    options = read_options({}, record.options) if grown is None else options_for(grown, encoding)
    async with conversions.receiving() as folder:
        await asyncio.to_thread(upload.lend, folder.archive)
        try:
            await conversions.start(folder, options, maker_of(caller, usage), grown)
        except ArchiveUnusable:
            await asyncio.to_thread(upload.remove)
            raise
        except BaseException:
            upload.take_back(folder.archive)
            raise
    await asyncio.to_thread(upload.remove)
    return options.name


async def _require_bytes(
    uploads: ResumableUploads, settings: ApiSettings, caller: Caller, usage: Usage, length: int
) -> None:
    """Refuse what cannot be stored, counting what other uploads will still bring."""
    await require_dataset_bytes(caller, usage, length + await asyncio.to_thread(uploads.reserved_bytes, caller.name))
    needed = length + await asyncio.to_thread(uploads.reserved_bytes)
    await asyncio.to_thread(settings.datasets_path.mkdir, parents=True, exist_ok=True)
    if not await asyncio.to_thread(has_space_for, settings.datasets_path, needed, settings.min_free_bytes):
        raise DiskFull


def _uploads(settings: ApiSettings) -> ResumableUploads:
    return ResumableUploads(settings.datasets_path / "resumable")


def _progress(upload: ResumableUpload) -> Mapping[str, str]:
    return {
        "Upload-Offset": str(upload.offset),
        "Upload-Length": str(upload.record.length),
        "Upload-Expires": format_datetime(upload.expires_at, usegmt=True),
    }
