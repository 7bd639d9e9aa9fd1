"""Waiting without a clock: a test gives the event loop turns, and says itself how much time has passed."""

import asyncio
from collections.abc import Callable


async def turns(n: int = 50) -> None:
    """Let everything run that is ready, and what becomes ready by that."""
    for _ in range(n):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Give the loop turns until the condition holds; threads go on meanwhile. The test's own time limit ends it."""
    while not condition():
        await asyncio.sleep(0)


class LoopClock:
    """Stops the clock of the running event loop: it goes on only when a test says so.

    Timers of the loop (`asyncio.sleep`, `timeout`, `wait`, `call_later`) fire when their moment has been passed.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time()
        self._loop.time = lambda: self._now  # type: ignore[method-assign]

    def advance(self, seconds: float) -> None:
        """Let time pass; what was due in it runs in the loop's next turns."""
        self._now += seconds

    def resume(self) -> None:
        """Give the loop its own clock back."""
        del self._loop.time
