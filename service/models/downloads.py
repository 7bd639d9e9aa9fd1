"""Sends files of published versions: streamed, with the right type, and never as something that a browser executes.

A range is checked like a whole file: the file is read from its beginning to its end and compared with its SHA-256, and
the last bytes of the range are sent when it fits. A range of a large file so takes as long to read as the file.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from starlette.responses import Response, StreamingResponse

from model_store import FileEntry, FileNotInVersion, Manifest, ModelStore
from model_store.names import MANIFEST_FILE
from service.models.exports import exported_file
from service.web.byte_ranges import ByteRange, Conditions, answer_bytes, not_modified, stored_headers
from service.web.policies import STORED_FILE

SHOWN: dict[str, str] = {
    ".json": "application/json",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}
"""Types that a browser may show; everything else is sent as an attachment of opaque bytes."""


async def answer_file(store: ModelStore, manifest: Manifest, file: str, conditions: Conditions) -> Response:
    """One file of a version or a range of it, or 304 when the client has it.

    Raises:
        FileNotInVersion, RangeNotSatisfiable, ArtifactCorrupt, StoreUnavailable: always before the answer begins.
    """
    headers, media_type = _headers(manifest, file), _media_type(file)
    if file == MANIFEST_FILE:
        data = manifest.to_bytes()
        return answer_bytes(data, f'"{hashlib.sha256(data).hexdigest()}"', media_type, conditions, headers)
    entry = await asyncio.to_thread(_entry, store, manifest, file)
    etag = f'"{entry.sha256}"'
    if conditions.is_known(etag):
        return not_modified(etag)
    part = conditions.byte_range(etag, entry.size_bytes)
    chunks = await asyncio.to_thread(_opened, store, manifest, file, entry, part)
    length = {"Content-Length": str(entry.size_bytes)} if part is None else part.headers
    told = stored_headers(etag) | headers | length
    return StreamingResponse(chunks, 200 if part is None else 206, headers=told, media_type=media_type)


def _entry(store: ModelStore, manifest: Manifest, file: str) -> FileEntry:
    """Size and SHA-256 of a file of the version, or of one that it was exported to later."""
    if file in manifest.files:
        return manifest.files[file]
    exported = exported_file(store, manifest, file)
    if exported is None:
        raise FileNotInVersion(manifest.model, manifest.version, file)
    return exported.entry


def _opened(
    store: ModelStore, manifest: Manifest, file: str, entry: FileEntry, part: ByteRange | None
) -> Iterator[bytes]:
    """The chunks to send; the first one is read already, so that errors are found before the answer begins."""
    at = (manifest.model, manifest.version, file)
    whole = store.stream(*at) if file in manifest.files else store.later_files.stream_large(*at, entry)
    chunks = whole if part is None else part.of(whole)
    first = next(chunks, b"")

    def all_chunks() -> Iterator[bytes]:
        yield first
        yield from chunks

    return all_chunks()


def _headers(manifest: Manifest, file: str) -> dict[str, str]:
    shown_as = "inline" if PurePosixPath(file).suffix in SHOWN else "attachment"
    filename = f"{manifest.model}-v{manifest.version}-{file}"
    return {
        "Content-Disposition": f'{shown_as}; filename="{filename}"',
        "Content-Security-Policy": STORED_FILE[1].decode(),
    }


def _media_type(file: str) -> str:
    return SHOWN.get(PurePosixPath(file).suffix, "application/octet-stream")
