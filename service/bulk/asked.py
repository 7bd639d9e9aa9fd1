"""What a client wants to have classified: an archive, a list of pictures, or a split of a dataset."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from service.datasets.archive_bodies import ARCHIVE_TYPES, body_of, write_body
from service.errors import BodyTooLarge
from service.predict.body_options import validated
from service.predict.encoded_pictures import EncodedPictures
from service.predict.uploads import Upload, uploads_of
from service.web.content_types import refuse_encoded, shown_type
from service.web.strict_json import parse_json
from worker.datasets.upload.foreign.packing_zip import BoundedZip
from worker.datasets.upload.options import UploadLimits
from worker.predictions.options import Fault, Split

MOST_LISTED = 1000
"""Pictures of a list; an archive may have more."""
EXPECTED = (
    "application/zip or a tar archive, multipart/form-data with the archive as its field 'file', or application/json "
    'with {"dataset": …, "split": "test"} or {"images": […]}'
)
HINT = "With curl: -F file=@pictures.zip"
_JSON = "application/json"


class SplitWanted(BaseModel, defer_build=True):
    """A split of a dataset."""

    model_config = ConfigDict(extra="forbid")

    dataset: str = Field(max_length=63, description="Name of the dataset.", examples=["fashion_mnist"])
    dataset_version: int | None = Field(default=None, ge=1, le=10**6, description="Default: the newest one.")
    split: Split = Field(default="test", description="`train`, `test` or `validation`.")


@dataclass(frozen=True)
class Asked:
    """What came.

    Attributes:
        split: of a dataset; the file is not written then.
        names: to show, by path in the archive.
        rejected: pictures of a list that could not be had.
        is_list: the archive was made of a list.
    """

    split: SplitWanted | None = None
    names: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, Fault] = field(default_factory=dict)
    is_list: bool = False


async def receive_archive(request: Request, target: Path, max_bytes: int, min_free_bytes: int) -> None:
    """Write the archive that a request brings.

    Args:
        request: with its body still unread.
        target: a new file.
        max_bytes: largest archive.
        min_free_bytes: stay free on the target's disk.

    Raises:
        BodyTypeUnsupported, BodyTooLarge, UploadRejected: the body is no archive.
        RequestValidationError: a form has other fields.
        DiskFull: the disk has too little free space.
    """
    body = body_of(request, ARCHIVE_TYPES, EXPECTED, HINT, lambda: None)
    await write_body(request, body, target, max_bytes, min_free_bytes)
    if others := sorted(body.finish()):
        message = "The form has an unexpected field; expected only 'file'. `top_k` goes into the query."
        raise RequestValidationError([{"type": "extra_forbidden", "loc": ("body", others[0]), "msg": message}])


def is_json(request: Request) -> bool:
    """Whether the body is JSON. Raises `BodyTypeUnsupported` for a compressed one."""
    refuse_encoded(request.headers)
    return shown_type(request.headers.get("content-type", "")).lower() == _JSON


async def read_json(request: Request, max_bytes: int) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON of a body. Raises `BodyTooLarge`, `JsonRejected`."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > max_bytes:
            raise BodyTooLarge(max_bytes)
    return parse_json(data)


def split_of(document: Any) -> SplitWanted | None:  # noqa: ANN401 - any JSON value
    """The split that a JSON body names; None for a list of pictures. Raises `RequestValidationError`."""
    if not isinstance(document, dict) or "dataset" not in document:
        return None
    return validated(SplitWanted, {}, document)


def listed(document: Any, max_picture_bytes: int) -> list[Upload]:  # noqa: ANN401 - any JSON value
    """The pictures of a list. Raises `RequestValidationError`, `TooManyPictures`."""
    return uploads_of(document, MOST_LISTED, max_picture_bytes)


def pack_list(uploads: Sequence[Upload], target: Path, limits: UploadLimits) -> Asked:
    """Write the pictures of a list into an archive, in their order.

    Raises:
        PictureRejected: there is none at all.
        ArchiveRejected: there are too many bytes.
        OSError: the disk has too little free space.
    """
    if all(upload.rejection is not None for upload in uploads):
        uploads[0].read()
    names: dict[str, str] = {}
    rejected: dict[str, Fault] = {}
    with BoundedZip(target, limits, lambda _: None) as zipped:
        for place, upload in enumerate(uploads):
            path = f"{place:06d}"
            names[path] = upload.filename or str(place)
            if upload.rejection is not None:
                rejected[path] = Fault(code=upload.rejection.code, message=upload.rejection.reason)
            zipped.add(path, io.BytesIO(upload.data), len(upload.data))
    return Asked(names=names, rejected=rejected, is_list=True)


def document_schemas() -> list[dict[str, Any]]:
    """What a JSON body may be, for the document of the API."""
    return [SplitWanted.model_json_schema(), {"$ref": f"#/components/schemas/{EncodedPictures.__name__}"}]
