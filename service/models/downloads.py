"""Sends files of published versions: streamed, with the right type, and never as something that a browser executes."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from starlette.responses import Response, StreamingResponse

from model_store import FileNotInVersion, Manifest, ModelStore
from model_store.names import MANIFEST_FILE
from service.web.policies import STORED_FILE

SHOWN: dict[str, str] = {
    ".json": "application/json",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}
"""Types that a browser may show; everything else is sent as an attachment of opaque bytes."""


async def answer_file(store: ModelStore, manifest: Manifest, file: str, if_none_match: str | None) -> Response:
    """One file of a version, or 304 when the client has it.

    Raises:
        FileNotInVersion, ArtifactCorrupt, StoreUnavailable: always before the answer begins.
    """
    if file == MANIFEST_FILE:
        data = manifest.to_bytes()
        return _unless_known(hashlib.sha256(data).hexdigest(), if_none_match) or _whole(data, manifest, file)
    if file not in manifest.files:
        raise FileNotInVersion(manifest.model, manifest.version, file)
    entry = manifest.files[file]
    known = _unless_known(entry.sha256, if_none_match)
    if known is not None:
        return known
    chunks = await asyncio.to_thread(_opened, store, manifest, file)
    headers = _headers(manifest, file, entry.sha256) | {"Content-Length": str(entry.size_bytes)}
    return StreamingResponse(chunks, headers=headers, media_type=_media_type(file))


def _opened(store: ModelStore, manifest: Manifest, file: str) -> Iterator[bytes]:
    """The file's chunks; the first one is read already, so that errors are found before the answer begins."""
    chunks = store.stream(manifest.model, manifest.version, file)
    first = next(chunks, b"")

    def all_chunks() -> Iterator[bytes]:
        yield first
        yield from chunks

    return all_chunks()


def _whole(data: bytes, manifest: Manifest, file: str) -> Response:
    headers = _headers(manifest, file, hashlib.sha256(data).hexdigest())
    return Response(data, headers=headers, media_type=_media_type(file))


def _unless_known(sha256: str, if_none_match: str | None) -> Response | None:
    known = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    if f'"{sha256}"' in known or "*" in known:
        return Response(status_code=304, headers={"ETag": f'"{sha256}"', "Cache-Control": "no-cache"})
    return None


def _headers(manifest: Manifest, file: str, sha256: str) -> dict[str, str]:
    shown_as = "inline" if PurePosixPath(file).suffix in SHOWN else "attachment"
    filename = f"{manifest.model}-v{manifest.version}-{file}"
    return {
        "Content-Disposition": f'{shown_as}; filename="{filename}"',
        "ETag": f'"{sha256}"',
        "Cache-Control": "no-cache",
        "Content-Security-Policy": STORED_FILE[1].decode(),
    }


def _media_type(file: str) -> str:
    return SHOWN.get(PurePosixPath(file).suffix, "application/octet-stream")
