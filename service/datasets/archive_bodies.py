"""Receives a dataset's archive: writes the request's body to one file, piece by piece, and reads the options beside it.

The archive is the whole body, or the field `file` of a form. Nothing a client names becomes a path.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import Request

from model_store.errors import NO_SPACE
from model_store.free_space import has_space_for
from service.datasets.recognised_bodies import RecognisedBody
from service.errors import BodyTooLarge, BodyTypeUnsupported, DiskFull, UploadRejected
from service.web.content_types import UNTOLD, refuse_encoded, shown_type
from service.web.multipart import FormReader
from worker.datasets.upload.options import UploadOptions

ARCHIVE_TYPES = frozenset(
    {
        *("application/zip", "application/x-zip-compressed", "application/octet-stream"),
        *("application/x-tar", "application/gzip", "application/x-gzip", "application/x-bzip2", "application/x-xz"),
        *("text/csv", "application/vnd.apache.parquet", "application/x-parquet"),
    }
)
EXPECTED = "application/zip, or multipart/form-data with the archive as its field 'file'"
FIELD = "file"
HINT = "With curl: -F file=@pets.zip -F name=pets"
MAX_FIELDS = 32
MAX_FIELD_BYTES = 4096
FORM_OVERHEAD_BYTES = 256 * 1024
"""What a form may contain besides its archive."""
_BUFFER_BYTES = 1024 * 1024


class ReceivedBody(Protocol):
    """Takes the body's bytes and returns those that belong to the file; at the end, returns the other fields."""

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes and return those of the file."""
        ...

    def finish(self) -> dict[str, str]:
        """The other fields, as text, once the whole body has arrived."""
        ...


async def receive_archive(
    request: Request, target: Path, query: Mapping[str, str], max_bytes: int, min_free_bytes: int
) -> UploadOptions:
    """Write the archive to a file, and read the options from the query and the form.

    Args:
        request: with its body still unread.
        target: a new file.
        query: options in the query; options in a form take precedence.
        max_bytes: largest archive, in bytes.
        min_free_bytes: stay free on the target's disk.

    Raises:
        BodyTypeUnsupported, BodyTooLarge, UploadRejected: the body is not an archive in one of the two forms.
        RequestValidationError: an option is missing, unknown or out of range.
        DiskFull: the disk has too little free space.
    """
    body = body_of(request, ARCHIVE_TYPES, EXPECTED, HINT, lambda: read_options(query, {}))
    await write_body(request, body, target, max_bytes, min_free_bytes)
    return read_options(query, body.finish())


def body_of(
    request: Request,
    types: Collection[str],
    expected: str,
    hint: str,
    check_query: Callable[[], object],
    max_field_bytes: int = MAX_FIELD_BYTES,
) -> "ArchiveForm | WholeBody | RecognisedBody":
    """How the body of a request holds its file, by its content type, or by how it begins if it does not say.

    Args:
        request: with its body still unread.
        types: of bodies that are the file.
        expected: what an error says was expected.
        hint: what an error says to try.
        check_query: refuses wrong options in the query before gigabytes are sent; called for a body without a form.
        max_field_bytes: longest other field of a form.

    Raises:
        BodyTypeUnsupported: it is of another type, or compressed.
        Exception: what `check_query` raises.
    """
    refuse_encoded(request.headers)
    content_type = request.headers.get("content-type", "")
    kind = shown_type(content_type).lower()
    if kind == "multipart/form-data":
        return ArchiveForm(content_type, hint, max_field_bytes)
    refusal = BodyTypeUnsupported(expected, kind, hint)
    if kind not in types and kind not in UNTOLD:
        raise refusal
    check_query()
    return WholeBody() if kind in types else RecognisedBody(refusal)


async def write_body(request: Request, body: "ReceivedBody", target: Path, max_bytes: int, min_free_bytes: int) -> None:
    """Write the file that a request brings.

    Args:
        request: with its body still unread.
        body: tells the file's bytes from the rest.
        target: a new file.
        max_bytes: largest file, in bytes.
        min_free_bytes: stay free on the target's disk.

    Raises:
        BodyTooLarge, UploadRejected: the body is too large, or malformed.
        DiskFull: the disk has too little free space.
    """
    announced = request.headers.get("content-length", "")
    _require_free_space(target, int(announced[:20]) if announced.isdecimal() else 0, min_free_bytes)
    with told_when_full(), target.open("xb") as file:
        await _write(request, body, file, max_bytes, min_free_bytes)


def read_options(query: Mapping[str, str], fields: Mapping[str, str]) -> UploadOptions:
    """The options; those of the form take precedence over those of the query. Raises `RequestValidationError`."""
    try:
        return UploadOptions.model_validate({**query, **fields})
    except ValidationError as error:
        raise RequestValidationError(
            [
                {**found, "loc": ("body" if found["loc"][0] in fields else "query", *found["loc"])}
                for found in error.errors(include_input=False, include_url=False)
            ]
        ) from None


async def _write(request: Request, body: ReceivedBody, file: BinaryIO, max_bytes: int, min_free_bytes: int) -> None:
    pending = bytearray()
    received = 0
    async for chunk in request.stream():
        data = body.feed(chunk)
        received += len(data)
        if received > max_bytes:
            raise BodyTooLarge(max_bytes)
        pending += data
        if len(pending) >= _BUFFER_BYTES:
            await asyncio.to_thread(append_piece, file, pending, min_free_bytes)
            pending = bytearray()
    await asyncio.to_thread(append_piece, file, pending, min_free_bytes)
    if received + len(pending) == 0:
        raise UploadRejected((), "The request has no file; expected one as the body, or as the field 'file' of a form.")


@contextmanager
def told_when_full() -> Iterator[None]:
    """Turn the system's error for a full disk into `DiskFull`."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE:
            raise DiskFull from error
        raise


def append_piece(file: BinaryIO, data: bytearray, min_free_bytes: int) -> None:
    """Write a piece. Others write to the disk too, so free space is checked every time. Raises `DiskFull`."""
    _require_free_space(Path(file.name), len(data), min_free_bytes)
    file.write(data)


def _require_free_space(target: Path, size_bytes: int, min_free_bytes: int) -> None:
    if not has_space_for(target.parent, size_bytes, min_free_bytes):
        raise DiskFull


class WholeBody:
    """The file is the body."""

    filename: str | None = None

    def feed(self, chunk: bytes) -> bytes:
        """All bytes are the file's."""
        return chunk

    def finish(self) -> dict[str, str]:
        """There are no other fields."""
        return {}


class ArchiveForm(FormReader):
    """A form with one file and a few short fields."""

    def __init__(self, content_type: str, hint: str, max_field_bytes: int) -> None:
        super().__init__(content_type)
        self.filename: str | None = None
        self._hint = hint
        self._max_field_bytes = max_field_bytes
        self._archive = bytearray()
        self._has_archive = False
        self._field: str | None = None
        self._fields: dict[str, bytearray] = {}

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes and return those of the archive. Raises `UploadRejected`."""
        self.write(chunk)
        found, self._archive = bytes(self._archive), bytearray()
        return found

    def finish(self) -> dict[str, str]:
        """The other fields, as text. Raises `UploadRejected`."""
        self.require_end()
        if not self._has_archive:
            raise UploadRejected((FIELD,), f"The form has no file; expected it as the field {FIELD!r}. {self._hint}")
        try:
            return {name: value.decode() for name, value in self._fields.items()}
        except UnicodeDecodeError as error:
            raise UploadRejected((), "A field of the form is not UTF-8.") from error

    def begin_part(self, name: str, filename: str | None) -> None:
        """Start the archive or an option; each may occur once."""
        self._field = None if name == FIELD else name
        if (name == FIELD and self._has_archive) or name in self._fields:
            raise UploadRejected((name[:64],), f"The form has the field {name[:64]!r} twice; expected it once.")
        if name == FIELD:
            self._has_archive, self.filename = True, filename
            return
        if len(self._fields) == MAX_FIELDS or filename is not None:
            raise UploadRejected(
                (name[:64],), f"The form has more fields than an archive and its options. {self._hint}"
            )
        self._fields[name] = bytearray()

    def part_data(self, data: memoryview) -> None:
        """Take more bytes of the part that began last."""
        if self._field is None:
            self._archive += data
            return
        value = self._fields[self._field]
        value += data
        if len(value) > self._max_field_bytes:
            raise UploadRejected(
                (self._field[:64],),
                f"The field {self._field[:64]!r} is too long; expected at most {self._max_field_bytes:,} bytes.",
            )
