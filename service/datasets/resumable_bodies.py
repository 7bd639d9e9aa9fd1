"""Appends the body of a request to an upload. What has come stays when the connection breaks."""

import asyncio
from typing import BinaryIO

from starlette.requests import Request

from service.datasets.archive_bodies import append_piece, told_when_full
from service.datasets.resumable import ResumableUpload
from service.errors import BodyTooLarge

_BUFFER_BYTES = 1024 * 1024


async def append_body(request: Request, upload: ResumableUpload, min_free_bytes: int) -> int:
    """Write the body behind what has come, and return how many bytes have come in all.

    Args:
        request: with its body still unread.
        upload: locked by the caller.
        min_free_bytes: stay free on the disk.

    Raises:
        BodyTooLarge: more bytes than announced; those beyond are not kept.
        DiskFull: the disk has too little free space.
        ClientDisconnect: the connection broke; what had come until then is kept.
    """
    with told_when_full(), upload.archive.open("ab") as file:
        await _append(request, file, upload, min_free_bytes)
    return upload.offset


async def _append(request: Request, file: BinaryIO, upload: ResumableUpload, min_free_bytes: int) -> None:
    left = upload.record.length - upload.offset
    pending = bytearray()
    try:
        async for chunk in request.stream():
            if len(chunk) > left:
                raise BodyTooLarge(upload.record.length)
            left -= len(chunk)
            pending += chunk
            if len(pending) >= _BUFFER_BYTES:
                data, pending = pending, bytearray()
                await _written(file, data, min_free_bytes)
    finally:
        await _written(file, pending, min_free_bytes)


async def _written(file: BinaryIO, data: bytearray, min_free_bytes: int) -> None:
    """Write a piece in a thread, and wait for it even when the request ends: the file must not change later."""
    writing = asyncio.ensure_future(asyncio.to_thread(_write, file, data, min_free_bytes))
    try:
        await asyncio.shield(writing)
    finally:
        await asyncio.wait({writing})


def _write(file: BinaryIO, data: bytearray, min_free_bytes: int) -> None:
    append_piece(file, data, min_free_bytes)
    file.flush()
