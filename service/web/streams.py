"""Bounds how many event streams are open at once; each keeps a connection and polls for as long as its client stays."""

from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from service.errors import TooManyStreams


class EventStreams:
    """The open event streams of one process. Used by the event loop's thread alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._n_open = 0

    def answer(self, events: AsyncIterator[str]) -> StreamingResponse:
        """The answer that sends these Server-Sent Events. Raises `TooManyStreams`."""
        if self._n_open >= self._limit:
            raise TooManyStreams(self._limit)
        return _EventStream(self, events)

    def _count(self, n: int) -> None:
        self._n_open += n


class _EventStream(StreamingResponse):
    """Counts from its first byte to its last; an answer that is never sent does not count."""

    def __init__(self, streams: EventStreams, events: AsyncIterator[str]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._streams._count(1)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams._count(-1)
