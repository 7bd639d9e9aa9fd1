"""What a client of a cloud or a hub posts: pictures as files, or one JSON object of a protocol.

These clients send pictures without a Content-Type, or under one of their own (`application/x-image`), so the body
decides. Knows neither models nor answers.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import Request

from service.predict.uploads import Upload, read_uploads
from service.protocols.calls import read_call
from service.protocols.fields import JsonObject, read_object
from service.state import ServiceState
from service.web.content_types import shown_type
from worker.pictures.headers import picture_format

_FORM = "multipart/form-data"


@dataclass(frozen=True)
class Document:
    """One JSON object.

    Attributes:
        fields: the object.
        n_bytes: size of its text.
    """

    fields: JsonObject
    n_bytes: int


async def read_posted(request: Request, state: ServiceState) -> Document | list[Upload]:
    """The pictures of a request, at least one, or its JSON object.

    Args:
        request: with its body still unread.
        state: of this process.

    Raises:
        BodyTooLarge, BodyTypeUnsupported, UploadRejected, TooManyPictures: the body is at fault.
        CallRejected: it begins like JSON and is none.
        Overloaded: reading the JSON would take too long beside other requests.
    """
    if shown_type(request.headers.get("content-type", "")).lower() == _FORM:
        return await _uploads(request.headers, request.stream(), state)
    body = await request.body()
    if picture_format(body) is None and body.lstrip()[:1] == b"{":
        return Document(await read_call(request, state, read_object), len(body))
    others = [(name, value) for name, value in request.headers.raw if name != b"content-type"]
    return await _uploads(Headers(raw=others), _whole(body), state)


async def _uploads(headers: Headers, body: AsyncIterator[bytes], state: ServiceState) -> list[Upload]:
    settings = state.settings
    limits = (settings.max_pictures, settings.max_picture_bytes)
    return await read_uploads(headers, body, *limits, state.decoder.in_thread)


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    yield body
