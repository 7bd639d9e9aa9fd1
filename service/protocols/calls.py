"""The steps that all calls of the public protocols share: body from bytes, version from path, probabilities.

Bodies are read whatever their Content-Type says. Work that takes long runs off the event loop.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar

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
from service.trust.wishes import TrustWish

MODEL_VERSION_HEADER = "X-Model-Version"
BATCH = 64
"""Pictures given to the network at once: its intermediate results are many times the size of its input."""
READ_INLINE_BYTES = 16 * 1024
"""Parsing JSON of up to this size, or reading the pixels in it, takes about as long as waking a thread."""
_WRITTEN_INLINE = 1024
"""Writing up to this many numbers takes about as long."""
_BYTES_PER_NUMBER = 20
"""Of a probability in JSON."""

T = TypeVar("T")


async def read_call(
    request: Request, state: ServiceState, read: Callable[[bytes], T], json_length: str | None = None
) -> T:
    """Take the whole body, decompress it, and parse it with `read`.

    Args:
        request: with its body still unread.
        state: of this process.
        read: parses the body; fast apart from the JSON in it.
        json_length: length of the JSON part in bytes, as the client states it, if `read` enforces it.

    Raises:
        BodyTooLarge, BodyTypeUnsupported, CallRejected: the body is at fault. Also whatever `read` raises.
    """
    body = await request.body()
    encoding = request.headers.get("content-encoding", "")

    def work() -> T:
        return read(decompressed(body, encoding, state.settings.max_body_bytes))

    if is_plain(encoding) and _n_json_bytes(json_length, body) <= READ_INLINE_BYTES:
        return work()
    return await state.decoder.in_thread(work, len(body))


async def probabilities_of(state: ServiceState, manifest: Manifest, pictures: Pictures) -> NDArray[np.float32]:
    """The version's probabilities for pixels or picture files; a large batch is processed in parts.

    Args:
        state: of this process.
        manifest: of a version that is loaded.
        pictures: pixels of the manifest's input shape, or files.

    Returns:
        float32, shape (n, n_classes).

    Raises:
        CallRejected: a file cannot be read.
        TooManyPictures: more files than one request may have.
        TooManyPixels: more pixels than the files of one request may have.
        Overloaded: decoding the files, or classifying them, would take too long.
    """
    pixels = await _decoded(state, manifest, pictures) if isinstance(pictures, list) else pictures
    starts = range(0, len(pixels), BATCH)
    found = [await state.predictor.ask(manifest, pixels[at : at + BATCH], is_scored=False) for at in starts]
    parts = [answer.probabilities for answer in found]
    return np.concatenate(parts) if parts else np.empty((0, len(manifest.classes)), np.float32)


async def threshold_of(state: ServiceState, manifest: Manifest, coverage: float | None) -> float | None:
    """What a class needs to be in a set of classes; None if no sets are asked for.

    Raises:
        NotRecorded: the version has not recorded it.
    """
    return None if coverage is None else (await state.trust.limits(manifest, TrustWish(coverage))).least_tail


async def write_answer(state: ServiceState, probabilities: NDArray[np.float32], write: Callable[[], T]) -> T:
    """Serialise the probabilities with `write`, in a thread when there are many."""
    if probabilities.size <= _WRITTEN_INLINE:
        return write()
    return await state.decoder.in_thread(write, _BYTES_PER_NUMBER * probabilities.size)


def answer_json(content: Any, answered_by: str | None = None) -> Response:  # noqa: ANN401 - any JSON value
    """A JSON answer; NaN is written in the way that Python's clients read it.

    Args:
        content: of the answer.
        answered_by: `name/version`, for the header of an answer that has no place for the version.
    """
    headers = None if answered_by is None else {MODEL_VERSION_HEADER: answered_by}
    return Response(json.dumps(content), headers=headers, media_type="application/json")


async def named_version(state: ServiceState, model: str, name: str | None) -> Reference:
    """What a `versions/{name}` segment means: a version number, otherwise an alias; without a segment, the default.

    Raises:
        ModelNotFound, VersionNotFound, AliasNotFound: there is no such model, version or alias.
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
    decoded = await state.decoder.decode(manifest, [Upload(None, file) for file in files])
    for position, rejection in sorted(decoded.rejections.items()):
        raise CallRejected(f"picture {position} cannot be classified: {rejection.reason}")
    return decoded.stacked()
