"""What every call of the public protocols goes through: a body from bytes, a version from the path, probabilities.

Bodies are read whatever their Content-Type says, and whatever takes long happens off the event loop.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from model_store import AliasNotFound, Manifest, VersionNotFound
from model_store.names import NUMBER_PATTERN, is_name
from service.errors import CallRejected, TooManyPictures
from service.models.index import Reference
from service.predict.uploads import Upload
from service.protocols.encodings import decompressed, is_plain
from service.protocols.pictures import Pictures
from service.protocols.tensors import Pixels
from service.state import ServiceState
from worker.pictures.pixels import PictureRejected

BATCH = 64
"""Pictures given to the network at once: what it needs in between is many times the size of its input."""
_SOON_READ_BYTES = 16 * 1024
"""JSON of this size is parsed about as fast as a thread is woken."""
_SOON_WRITTEN = 1024
"""So many numbers are written about as fast."""

T = TypeVar("T")


async def read_call(
    request: Request, state: ServiceState, read: Callable[[bytes], T], json_length: str | None = None
) -> T:
    """Take the whole body, undo its compression, and let `read` make sense of it.

    Args:
        request: its body is still unread.
        state: of this process.
        read: what the body means; quick but for the JSON in it.
        json_length: how much of the body is JSON, as the client says, where `read` holds it to that.

    Raises:
        BodyTooLarge, BodyTypeUnsupported, CallRejected: the body; and whatever `read` raises.
    """
    body = await request.body()
    encoding = request.headers.get("content-encoding", "")

    def work() -> T:
        return read(decompressed(body, encoding, state.settings.max_body_bytes))

    if is_plain(encoding) and _n_json_bytes(json_length, body) <= _SOON_READ_BYTES:
        return work()
    return await state.predictor.in_decoding_thread(work)


async def probabilities_of(state: ServiceState, manifest: Manifest, pictures: Pictures) -> NDArray[np.float32]:
    """What the version says about pixels or picture files; a large batch is worked on in parts.

    Args:
        state: of this process.
        manifest: of a version that is loaded.
        pictures: pixels of the manifest's input shape, or files.

    Returns:
        float32, shape (n, n_classes).

    Raises:
        CallRejected: a file cannot be read.
        TooManyPictures: more files than one request may carry.
    """
    pixels = await _decoded(state, manifest, pictures) if isinstance(pictures, list) else pictures
    parts = [await _infer(state, manifest, pixels[at : at + BATCH]) for at in range(0, len(pixels), BATCH)]
    return np.concatenate(parts) if parts else np.empty((0, len(manifest.classes)), np.float32)


async def write_answer(state: ServiceState, probabilities: NDArray[np.float32], write: Callable[[], T]) -> T:
    """Let `write` put the probabilities into words, in a thread when they are many."""
    if probabilities.size <= _SOON_WRITTEN:
        return write()
    return await state.predictor.in_decoding_thread(write)


def answer_json(content: Any) -> Response:  # noqa: ANN401 - any JSON value
    """A JSON answer; NaN is written as Python's clients read it."""
    return Response(json.dumps(content), media_type="application/json")


async def named_version(state: ServiceState, model: str, name: str | None) -> Reference:
    """What a `versions/{name}` segment means: a version's number, else an alias; without a segment, the default.

    Raises:
        ModelNotFound, VersionNotFound, AliasNotFound: there is neither.
    """
    if name is None:
        return Reference(model)
    if not is_name(name, NUMBER_PATTERN):
        return Reference(model, alias=name)
    try:
        await state.catalog.resolve(Reference(model, version=int(name)))
    except VersionNotFound:
        try:
            await state.catalog.resolve(Reference(model, alias=name))
        except AliasNotFound:
            raise VersionNotFound(model, int(name)) from None
        return Reference(model, alias=name)
    return Reference(model, version=int(name))


def _n_json_bytes(announced: str | None, body: bytes) -> int:
    return int(announced) if announced and announced.isdecimal() and len(announced) < 10 else len(body)


async def _decoded(state: ServiceState, manifest: Manifest, files: list[bytes]) -> Pixels:
    if len(files) > state.settings.max_pictures:
        raise TooManyPictures(state.settings.max_pictures)
    images: list[NDArray[np.uint8]] = []
    for picture in await state.predictor.pixels(manifest, [Upload(None, file) for file in files]):
        if isinstance(picture, PictureRejected):
            raise CallRejected(f"picture {len(images)} cannot be classified: {picture}") from picture
        images.append(picture)
    return np.stack(images)


async def _infer(state: ServiceState, manifest: Manifest, pixels: Pixels) -> NDArray[np.float32]:
    if pixels.dtype == np.uint8:
        return await state.engine.predict(manifest, cast(NDArray[np.uint8], pixels))
    return await state.engine.infer(manifest, cast(NDArray[np.float32], pixels))
