"""The web page: the bundle of `service/page`, which uses the public API and nothing else.

`make page` builds it. Its Content-Security-Policy lets scripts and styles of this server run, and no others.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

logger = logging.getLogger(__name__)

BUNDLE = Path(__file__).parents[1] / "static"
START = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
NOT_BUILT = "The web page is not part of this installation; `make page` builds it. The API works without it."
NO_PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>convserve</title>'
FOR_EVER = "public, max-age=31536000, immutable"
"""For files whose name carries a hash of their content."""

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class BundleFile:
    """One file of the bundle, as it is and compressed."""

    content: bytes
    compressed: bytes | None
    media_type: str
    etag: str


@router.get("/")
async def get_page(request: Request) -> Response:
    """The page."""
    if (start := bundle().get(START)) is None:
        return HTMLResponse(f'{NO_PAGE}<p>{NOT_BUILT} <a href="/docs">API documentation</a></p>')
    return _answer(request, start, "no-cache")


@router.get("/page/{file}")
async def get_page_file(request: Request, file: str) -> Response:
    """A script, style sheet or text that the page names."""
    if (found := bundle().get(file)) is None:
        raise HTTPException(404)
    return _answer(request, found, FOR_EVER if "-" in file else "no-cache")


@cache
def bundle() -> Mapping[str, BundleFile]:
    """All files by name, read once. Without a bundle there are none, and the log says so."""
    files = {path.name: _read(path) for path in sorted(BUNDLE.glob("*")) if path.suffix in TYPES}
    if START not in files:
        logger.warning(NOT_BUILT)
        return {}
    return files


def _read(path: Path) -> BundleFile:
    content = path.read_bytes()
    compressed = path.with_name(path.name + ".gz")
    return BundleFile(
        content,
        compressed.read_bytes() if compressed.exists() else None,
        TYPES[path.suffix],
        f'"{hashlib.sha256(content).hexdigest()[:32]}"',
    )


def _answer(request: Request, file: BundleFile, keep: str) -> Response:
    headers = {
        "ETag": file.etag,
        "Cache-Control": keep,
        "Vary": "Accept-Encoding",
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    if file.etag in request.headers.get("if-none-match", "").replace("W/", ""):
        return Response(status_code=304, headers=headers)
    if file.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(file.compressed, headers=headers, media_type=file.media_type)
    return Response(file.content, headers=headers, media_type=file.media_type)
