"""Receives the file of a model: writes the request's body to one file, and reads the options beside it.

The file is the whole body, or the field `file` of a form. Its first bytes say what it is.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import Request

from service.datasets.archive_bodies import FIELD, body_of, write_body
from service.errors import UploadRejected
from service.web.strict_json import parse_json
from worker.imports.options import ImportOptions, ModelFormat

MODEL_TYPES = frozenset(
    {"application/octet-stream", "application/zip", "application/x-zip-compressed", "application/onnx"}
)
EXPECTED = "application/octet-stream, or multipart/form-data with the model as its field 'file'"
HINT = "With curl: -F file=@boots.keras -F classes=boot,shoe"
MAX_FIELD_BYTES = 1024 * 1024
"""Of one field of the form: ten thousand names of classes are long."""
IMPORT_OVERHEAD_BYTES = 4 * MAX_FIELD_BYTES
"""What a form may contain besides its file."""
OPTIONS = "options"
"""Field of a form that may have all options as one JSON object."""
_ZIP, _ONNX, _HDF5, _PICKLE = b"PK\x03\x04", b"\x08", b"\x89HDF", b"\x80"
_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class ReceivedModel:
    """A file that has arrived.

    Attributes:
        options: what was said about it.
        filename: as the client gave it.
        format: by its first bytes.
        sha256: of the file, in hexadecimal.
        size_bytes: of the file.
    """

    options: ImportOptions
    filename: str | None
    format: ModelFormat
    sha256: str
    size_bytes: int


async def receive_model(
    request: Request, target: Path, query: Mapping[str, str], max_bytes: int, min_free_bytes: int
) -> ReceivedModel:
    """Write the model to a file, and read the options from the query and the form.

    Args:
        request: with its body still unread.
        target: a new file.
        query: options in the query; options in a form take precedence.
        max_bytes: largest file, in bytes.
        min_free_bytes: stay free on the target's disk.

    Raises:
        BodyTypeUnsupported, BodyTooLarge, UploadRejected: the body is not a model in one of the two forms.
        RequestValidationError: an option is unknown or out of range.
        DiskFull: the disk has too little free space.
    """
    body = body_of(request, MODEL_TYPES, EXPECTED, HINT, lambda: read_options(query, {}), MAX_FIELD_BYTES)
    await write_body(request, body, target, max_bytes, min_free_bytes)
    options = read_options(query, body.finish())
    return _received(target, options, body.filename)


def read_options(query: Mapping[str, str], fields: Mapping[str, str]) -> ImportOptions:
    """The options; those of the form take precedence over those of the query. Raises `RequestValidationError`."""
    told = {name: value for name, value in fields.items() if name != OPTIONS}
    try:
        return ImportOptions.model_validate({**query, **_object(fields.get(OPTIONS)), **told})
    except ValidationError as error:
        raise RequestValidationError(
            [
                {**found, "loc": ("query" if set(found["loc"][:1]) & set(query) else "body", *found["loc"])}
                for found in error.errors(include_input=False, include_url=False)
            ]
        ) from None


def _object(text: str | None) -> Mapping[str, object]:
    if text is None:
        return {}
    found = parse_json(text.encode())
    if not isinstance(found, dict):
        raise UploadRejected((OPTIONS,), f"The field {OPTIONS!r} is not a JSON object.")
    return found


def _received(file: Path, options: ImportOptions, filename: str | None) -> ReceivedModel:
    digest, first, size_bytes = hashlib.sha256(), b"", 0
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            digest.update(chunk)
            first = first or chunk[:4]
            size_bytes += len(chunk)
    return ReceivedModel(options, filename, _format_of(first), digest.hexdigest(), size_bytes)


def _format_of(first: bytes) -> ModelFormat:
    if first.startswith(_ZIP):
        return "keras"
    if first.startswith(_ONNX):
        return "onnx"
    what = {_HDF5: "an HDF5 file", _PICKLE: "a pickle"}.get(first[: 1 if first.startswith(_PICKLE) else 4])
    raise UploadRejected(
        (FIELD,),
        f"The file is neither a Keras model nor an ONNX file; expected one of them, got {what or 'something else'}. "
        "Save a Keras model as .keras: model.save('boots.keras').",
    )
