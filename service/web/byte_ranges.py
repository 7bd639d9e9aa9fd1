"""Answers stored files as far as their client wants them: not at all when it has them, one range of bytes, or all.

One range of a request is answered. A request for several gets the whole file, which RFC 9110 (14.2) allows.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header
from starlette.responses import Response

from service.errors import RangeNotSatisfiable

_RANGE = re.compile(r"bytes=\s*(?:(?P<first>[0-9]{1,18})-(?P<last>[0-9]{0,18})|-(?P<suffix>[0-9]{1,18}))\s*", re.I)


@dataclass(frozen=True)
class ByteRange:
    """A part of a file: bytes `start` up to, not including, `stop` of `size` bytes."""

    start: int
    stop: int
    size: int

    @property
    def headers(self) -> dict[str, str]:
        """The headers that say which part this is."""
        return {
            "Content-Range": f"bytes {self.start}-{self.stop - 1}/{self.size}",
            "Content-Length": str(self.stop - self.start),
        }

    def of(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """This part of a file that is read from its beginning.

        All chunks are read before the last bytes of the part are passed on. An error that is only found at the end of
        the file, such as a wrong checksum, so ends an incomplete answer.
        """
        held, position = b"", 0
        for chunk in chunks:
            piece = chunk[max(0, self.start - position) : max(0, self.stop - position)]
            position += len(chunk)
            if piece:
                if held:
                    yield held
                held = piece
        yield held


@dataclass(frozen=True)
class Conditions:
    """What a client says about the file it asks for, in the headers of these names."""

    if_none_match: str | None = None
    range: str | None = None
    if_range: str | None = None

    def is_known(self, etag: str) -> bool:
        """Whether the client has the file with this entity tag, which is in quotation marks."""
        known = [tag.strip().removeprefix("W/") for tag in (self.if_none_match or "").split(",")]
        return etag in known or "*" in known

    def byte_range(self, etag: str, size: int) -> ByteRange | None:
        """The part of a file that is wanted; None for the whole file.

        Args:
            etag: of the file, in quotation marks.
            size: of the file, in bytes.

        Raises:
            RangeNotSatisfiable: the file has no byte of the range.
        """
        asked = _RANGE.fullmatch(self.range or "")
        if asked is None or (self.if_range is not None and self.if_range.strip() != etag):
            return None
        if asked["suffix"] is not None:
            start, stop = max(0, size - int(asked["suffix"])), size
        else:
            start, stop = int(asked["first"]), min(size, int(asked["last"] or size) + 1)
            if asked["last"] and int(asked["last"]) < start:
                return None
        if start >= size:
            raise RangeNotSatisfiable(size)
        return ByteRange(start, stop, size)


async def _conditions(
    if_none_match: Annotated[str | None, Header(description="ETags the client already has.")] = None,
    range_: Annotated[
        str | None, Header(alias="range", description="One range of bytes.", examples=["bytes=1000-"])
    ] = None,
    if_range: Annotated[
        str | None, Header(description="ETag of the file that `Range` is for; of any other, the whole is sent.")
    ] = None,
) -> Conditions:
    return Conditions(if_none_match, range_, if_range)


ConditionsDep = Annotated[Conditions, Depends(_conditions)]


def answer_bytes(
    data: bytes, etag: str, media_type: str, conditions: Conditions, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer with a file that is in memory: 200, 206 or 304.

    Args:
        data: the whole file.
        etag: its entity tag, in quotation marks.
        media_type: its Content-Type.
        conditions: what the client wants.
        headers: more headers of the answer.

    Raises:
        RangeNotSatisfiable: the file has no byte of the range.
    """
    if conditions.is_known(etag):
        return not_modified(etag)
    told = {**stored_headers(etag), **(headers or {})}
    part = conditions.byte_range(etag, len(data))
    if part is None:
        return Response(data, headers=told, media_type=media_type)
    return Response(data[part.start : part.stop], 206, headers=told | part.headers, media_type=media_type)


def not_modified(etag: str) -> Response:
    """The answer to a client that has the file."""
    return Response(status_code=304, headers=stored_headers(etag))


def stored_headers(etag: str) -> dict[str, str]:
    """Headers of every stored file."""
    return {"ETag": etag, "Cache-Control": "no-cache", "Accept-Ranges": "bytes"}
