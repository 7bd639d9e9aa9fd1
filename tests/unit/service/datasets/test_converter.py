"""What the service does with the messages of a converter, which are written by hand here."""

import asyncio
from typing import cast

import pytest

from service.datasets.converter import Converter
from worker.datasets.upload.messages import Advanced

pytestmark = pytest.mark.anyio


async def test_a_cancellation_that_comes_together_with_a_line_is_not_lost() -> None:
    reports = asyncio.StreamReader()
    process = cast(asyncio.subprocess.Process, None)  # is not asked while the converter speaks
    converter = Converter(process, reports, asyncio.StreamReader(), silence_s=60)
    waiting = asyncio.create_task(converter.next_message())
    for _ in range(3):
        await asyncio.sleep(0)
    reports.feed_data(Advanced(phase="decoding", done=1, total=2).model_dump_json().encode() + b"\n")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
