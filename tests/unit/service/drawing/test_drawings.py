"""Pictures are drawn one at a time, and only so many may wait."""

import asyncio

import pytest

from service.drawing.process import MOST_ASKED_FOR, Drawings
from service.web.drawing_errors import TooManyDrawings
from tests.event_loop import turns

pytestmark = pytest.mark.anyio


class Pencil:
    """Draws when a test lets it."""

    def __init__(self) -> None:
        self.may_draw = asyncio.Event()
        self.n_drawn = self.n_at_once = self.most_at_once = 0

    async def draw(self) -> bytes:
        self.n_at_once += 1
        self.most_at_once = max(self.most_at_once, self.n_at_once)
        await self.may_draw.wait()
        self.n_at_once -= 1
        self.n_drawn += 1
        return b"picture"


async def test_one_picture_too_many_is_refused_and_those_that_wait_are_drawn_one_by_one() -> None:
    drawings, pencil = Drawings(64), Pencil()
    waiting = [asyncio.create_task(drawings.get(number, pencil.draw)) for number in range(MOST_ASKED_FOR)]
    await turns()
    with pytest.raises(TooManyDrawings, match="16 pictures"):
        await drawings.get("another", pencil.draw)
    pencil.may_draw.set()
    assert await asyncio.gather(*waiting) == [b"picture"] * MOST_ASKED_FOR
    assert pencil.most_at_once == 1
    assert await drawings.get("another", pencil.draw) == b"picture"


async def test_a_picture_many_ask_for_is_drawn_once() -> None:
    drawings, pencil = Drawings(64), Pencil()
    waiting = [asyncio.create_task(drawings.get("the same", pencil.draw)) for _ in range(3 * MOST_ASKED_FOR)]
    await turns()
    pencil.may_draw.set()
    await asyncio.gather(*waiting)
    assert pencil.n_drawn == 1


async def test_a_picture_that_is_kept_does_not_wait() -> None:
    drawings, pencil = Drawings(64), Pencil()
    pencil.may_draw.set()
    await drawings.get("kept", pencil.draw)
    pencil.may_draw.clear()
    slow = asyncio.create_task(drawings.get("slow", pencil.draw))
    await turns()
    assert await drawings.get("kept", pencil.draw) == b"picture"
    slow.cancel()


async def test_who_leaves_makes_room() -> None:
    drawings, pencil = Drawings(64), Pencil()
    waiting = [asyncio.create_task(drawings.get(number, pencil.draw)) for number in range(MOST_ASKED_FOR)]
    await turns()
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    pencil.may_draw.set()
    assert await drawings.get("another", pencil.draw) == b"picture"
