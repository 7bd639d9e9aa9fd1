"""Draws pictures in separate processes, one at a time, so that matplotlib never enters the API process."""

import asyncio
import sys
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Hashable

from service.web.drawing_errors import TooManyDrawings

MOST_ASKED_FOR = 16
"""Different pictures of one kind that are drawn or wait for it. One takes about 2 s of a core."""


class Drawings:
    """Draws one picture at a time, and caches the most recent ones."""

    def __init__(self, most_kept: int) -> None:
        self._most_kept = most_kept
        self._one_at_a_time = asyncio.Semaphore(1)
        self._asked_for = Counter[Hashable]()
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()

    async def get(self, key: Hashable, draw: Callable[[], Awaitable[bytes]]) -> bytes:
        """The cached picture for a key.

        Args:
            key: of the picture.
            draw: is awaited if the picture is not cached.

        Raises:
            TooManyDrawings: as many pictures as may wait are waiting.
            Exception: whatever `draw` raises.
        """
        if key in self._kept:
            return self._kept[key]
        if key not in self._asked_for and len(self._asked_for) >= MOST_ASKED_FOR:
            raise TooManyDrawings(MOST_ASKED_FOR)
        self._asked_for[key] += 1
        try:
            async with self._one_at_a_time:
                return self._kept[key] if key in self._kept else await self._newly_drawn(key, draw)
        finally:
            self._asked_for[key] -= 1
            if not self._asked_for[key]:
                del self._asked_for[key]

    async def _newly_drawn(self, key: Hashable, draw: Callable[[], Awaitable[bytes]]) -> bytes:
        picture = self._kept[key] = await draw()
        if len(self._kept) > self._most_kept:
            self._kept.popitem(last=False)
        return picture


async def drawn(module: str, *arguments: str, data: bytes = b"") -> bytes:
    """Run a module that reads data on its standard input and writes a picture to its standard output.

    Raises:
        RuntimeError: the process failed.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        picture, complaint = await process.communicate(data)
    except asyncio.CancelledError:
        process.kill()  # the client that asked for the picture has disconnected
        raise
    if process.returncode:
        raise RuntimeError(f"{module} could not draw: {complaint.decode(errors='replace')[-500:]}")
    return picture
