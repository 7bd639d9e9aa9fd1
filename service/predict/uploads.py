"""Reads pictures from a request: a form, one raw body, or JSON. Returns their bytes and does not look inside them.

Everything stays in memory, within the limit that `service.layers.body_guard` counts; no name from a client becomes a
path.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fastapi.exceptions import RequestValidationError
from pydantic import JsonValue, ValidationError
from starlette.datastructures import Headers

from service.errors import BodyTypeUnsupported, TooManyPictures, UploadRejected
from service.predict.encoded_pictures import (
    ENCODED,
    LINKED,
    MAX_FILENAME,
    EncodedPicture,
    EncodedPictures,
    LinkedPicture,
    with_names,
)
from service.predict.picture_forms import Part, PictureForm
from service.predict.rejection import Rejection
from service.web.base64_text import BASE64_EXPECTED, decode_base64
from service.web.content_types import UNTOLD, refuse_encoded, shown_type
from service.web.strict_json import parse_json
from worker.pictures.headers import picture_format
from worker.pictures.pixels import PictureRejected, PictureTooLarge

MAX_OUTSIDE_STRINGS = 64 * 1024
SOON_READ_BYTES = 16 * 1024
"""Parsing JSON of this size takes about as long as handing it to a thread."""
EXPECTED = (
    "multipart/form-data with a field 'file' (once or many times), one picture as image/* or "
    'application/octet-stream, or application/json {"images": [{"b64": "…"}]}'
)
HINT = "With curl: -F file=@picture.png"
_SLASH = re.compile(r"[/\\]")
_JSON = re.compile(r"application/(json|.+\+json)")
_RAW, _JSON_BODY = "application/octet-stream", "application/json"
_SIGNATURE_BYTES = 64
"""More than the longest signature of a picture."""


@dataclass(frozen=True)
class Upload:
    """One picture as it came.

    Attributes:
        filename: the client's name for it, to tell answers apart; never used as a path.
        data: the file's bytes.
        rejection: why there are no bytes.
        url: where the bytes are, if the client sent this instead of them.
    """

    filename: str | None
    data: bytes
    rejection: Rejection | None = None
    url: str | None = None

    def read(self) -> bytes:
        """The file's bytes. Raises `PictureRejected` when there are none."""
        if self.rejection is not None:
            raise self.rejection.error()
        return self.data


ONE_PICTURE = frozenset({"url", "b64"})
"""Keys of a picture that may stand alone in a body, without a list around it."""
FOREIGN_KEYS = frozenset({"inputs", "tasks"})
"""Keys of documents that clients of other protocols send to our routes."""


class ForeignDocument(Exception):
    """A JSON body of another protocol.

    Attributes:
        fields: the object.
        n_bytes: size of its text.
    """

    def __init__(self, fields: dict[str, Any], n_bytes: int) -> None:
        super().__init__("the JSON is of another protocol")
        self.fields = fields
        self.n_bytes = n_bytes


TakeOptions = Callable[[JsonValue], JsonValue]
"""Takes what is not about pictures out of a JSON body, and returns the rest."""


class FormFields(Protocol):
    """Takes what a form holds beside its pictures."""

    names: Collection[str]

    def take(self, fields: Mapping[str, bytes]) -> None:
        """Take the fields of these names."""
        ...


InThread = Callable[[Callable[[], list["Upload"]], int], Awaitable[list["Upload"]]]
"""Reads so many bytes of JSON without stopping the event loop, as `Decoder.in_thread` does."""


async def read_uploads(
    headers: Headers,
    body: AsyncIterator[bytes],
    max_pictures: int,
    max_picture_bytes: int,
    in_thread: InThread,
    take_options: TakeOptions | None = None,
    fields: FormFields | None = None,
) -> list[Upload]:
    """Every picture of a request, at least one, in order.

    Args:
        headers: of the request.
        body: in pieces, as they come.
        max_pictures: with more, reading stops.
        max_picture_bytes: a larger picture is not kept; its upload has a rejection instead.
        in_thread: reads much JSON.
        take_options: for routes that take options beside the pictures.
        fields: for routes that take other fields of a form beside the pictures.

    Raises:
        BodyTooLarge: while reading.
        BodyTypeUnsupported: the Content-Type is none of the three kinds, or says nothing and the body is neither a
            picture nor JSON.
        JsonRejected, RequestValidationError: JSON, but not of the expected shape.
        UploadRejected: no picture, or a broken form.
        TooManyPictures: more than `max_pictures`.
        Overloaded: reading the JSON would take too long beside other requests.
        ForeignDocument: the JSON is of another protocol.
    """
    refuse_encoded(headers)
    content_type = headers.get("content-type", "")
    kind = shown_type(content_type).lower()
    if kind in UNTOLD:
        body, kind = await _recognised(body, kind)
    if kind == "multipart/form-data":
        form = PictureForm(content_type, max_pictures, max_picture_bytes, () if fields is None else fields.names)
        uploads = await _read_form(body, form)
        if fields is not None:
            fields.take(form.fields)
        return uploads
    if kind.startswith("image/") or kind == "application/octet-stream":
        return [await _read_raw(body, max_picture_bytes)]
    if _JSON.fullmatch(kind):
        return await _read_json(body, max_pictures, max_picture_bytes, in_thread, take_options)
    raise BodyTypeUnsupported(EXPECTED, kind, HINT)


async def _recognised(body: AsyncIterator[bytes], kind: str) -> tuple[AsyncIterator[bytes], str]:
    """A body, still whole, and its type by how it begins; `kind` when that is neither a picture nor a JSON object."""
    start = b""
    async for chunk in body:
        start += chunk
        if len(start) >= _SIGNATURE_BYTES:
            break
    if not start or picture_format(start) is not None:
        kind = _RAW
    elif start.lstrip().startswith(b"{"):
        kind = _JSON_BODY
    return _chained(start, body), kind


async def _chained(start: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield start
    async for chunk in rest:
        yield chunk


async def _read_form(body: AsyncIterator[bytes], form: PictureForm) -> list[Upload]:
    async for chunk in body:
        form.write(chunk)
    return [_from_part(part, form.max_picture_bytes) for part in form.finish()]


def _from_part(part: Part, max_picture_bytes: int) -> Upload:
    filename = shown_filename(part.filename)
    if part.is_too_large:
        return _too_large(filename, max_picture_bytes)
    return Upload(filename, bytes(part.data))


async def _read_raw(body: AsyncIterator[bytes], max_picture_bytes: int) -> Upload:
    data = bytearray()
    async for chunk in body:
        data += chunk
        if len(data) > max_picture_bytes:
            return _too_large(None, max_picture_bytes)
    _refuse_empty(data)
    return Upload(None, bytes(data))


async def _read_json(
    body: AsyncIterator[bytes],
    max_pictures: int,
    max_picture_bytes: int,
    in_thread: InThread,
    take_options: TakeOptions | None,
) -> list[Upload]:
    data = bytearray()
    async for chunk in body:
        data += chunk
    _refuse_empty(data)
    if len(data) <= SOON_READ_BYTES:
        return _decode_json(data, max_pictures, max_picture_bytes, take_options)
    return await in_thread(lambda: _decode_json(data, max_pictures, max_picture_bytes, take_options), len(data))


def _decode_json(
    body: bytearray, max_pictures: int, max_picture_bytes: int, take_options: TakeOptions | None
) -> list[Upload]:
    parsed = parse_json(body, MAX_OUTSIDE_STRINGS)
    if take_options is not None:
        parsed = take_options(parsed)
    elif isinstance(parsed, dict) and "images" not in parsed and not FOREIGN_KEYS.isdisjoint(parsed):
        raise ForeignDocument(parsed, len(body))
    return uploads_of(parsed, max_pictures, max_picture_bytes)


def uploads_of(document: JsonValue, max_pictures: int, max_picture_bytes: int) -> list[Upload]:
    """The pictures in a JSON body, `EncodedPictures`.

    Raises:
        RequestValidationError: it has another shape.
        TooManyPictures: more than `max_pictures`.
    """
    is_one = isinstance(document, dict) and not ONE_PICTURE.isdisjoint(document) and "images" not in document
    if is_one:
        document = {"images": [document]}
    try:
        pictures = EncodedPictures.model_validate(document).images
    except ValidationError as error:
        found = [
            {**with_names(detail), "loc": ("body", *_place(detail["loc"])[2 * is_one :])}
            for detail in error.errors(include_input=False)
        ]
        raise RequestValidationError(found) from None
    if len(pictures) > max_pictures:
        raise TooManyPictures(max_pictures)
    return [_upload_of(picture, max_picture_bytes) for picture in pictures]


def _place(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Where a fault is in the client's own JSON, without the kind of the picture."""
    return (*loc[:2], *loc[3:]) if loc[2:3] in {(ENCODED,), (LINKED,)} else loc


def _upload_of(picture: EncodedPicture | LinkedPicture, max_picture_bytes: int) -> Upload:
    if isinstance(picture, LinkedPicture):
        return Upload(shown_filename(picture.filename), b"", url=picture.url)
    return _decode_base64(picture, max_picture_bytes)


def _decode_base64(picture: EncodedPicture, max_picture_bytes: int) -> Upload:
    filename = shown_filename(picture.filename)
    try:
        data = decode_base64(picture.b64)
    except ValueError:
        reason = f"b64 does not hold base64; {BASE64_EXPECTED}"
        return Upload(filename, b"", Rejection(PictureRejected, reason))
    return Upload(filename, data) if len(data) <= max_picture_bytes else _too_large(filename, max_picture_bytes)


def _refuse_empty(body: bytearray) -> None:
    if not body:
        raise UploadRejected((), f"The request body is empty; expected {EXPECTED}. {HINT}")


def _too_large(filename: str | None, max_bytes: int) -> Upload:
    reason = f"the picture file is too large; expected at most {max_bytes} bytes, got more"
    return Upload(filename, b"", Rejection(PictureTooLarge, reason))


def shown_filename(filename: str | None) -> str | None:
    """The last part of a name, without what could disturb a terminal or a page."""
    if filename is None:
        return None
    if len(filename) <= MAX_FILENAME and filename.isascii() and filename.isprintable() and not _SLASH.search(filename):
        return filename or None  # as most are, and sixty-four may come in a request
    last = _SLASH.split(filename)[-1][:MAX_FILENAME]
    return "".join(c for c in last.encode("utf-8", "ignore").decode() if c.isprintable()) or None
