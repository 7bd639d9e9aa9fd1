"""Event streams: so many at once and no more, each counted while it is sent."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message, Scope

from service.errors import TooManyStreams
from service.web.streams import EventStreams
from service.web.verdicts import verdict_of
from tests.event_loop import turns

pytestmark = pytest.mark.anyio
SCOPE: Scope = {"type": "http", "asgi": {"spec_version": "2.4"}}


async def until(end: asyncio.Event) -> AsyncIterator[str]:
    yield "data: 1\n\n"
    await end.wait()


async def nothing() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def test_one_stream_too_many_is_told_to_come_back() -> None:
    streams, end = EventStreams(2), asyncio.Event()
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    running = [asyncio.create_task(streams.answer(until(end))(SCOPE, nothing, send)) for _ in range(2)]
    await turns()
    with pytest.raises(TooManyStreams) as error:
        streams.answer(until(end))
    verdict = verdict_of(error.value)
    assert (verdict.status, verdict.retry_after_s) == (429, 5)
    running[0].cancel()
    await turns()
    assert streams.answer(until(end)).media_type == "text/event-stream"  # not sent, so not counted
    running += [asyncio.create_task(streams.answer(until(end))(SCOPE, nothing, send))]
    await turns()
    with pytest.raises(TooManyStreams):
        streams.answer(until(end))
    end.set()
    await asyncio.gather(*running, return_exceptions=True)
    assert streams._n_open == 0
