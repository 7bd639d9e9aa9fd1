"""Draws pictures in separate processes, one at a time, so that matplotlib never enters the API process."""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable


class Drawings:
    """Draws one picture at a time, and caches the most recent ones."""

    def __init__(self, most_kept: int) -> None:
        self._most_kept = most_kept
        self._one_at_a_time = asyncio.Semaphore(1)
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()

    async def get(self, key: Hashable, draw: Callable[[], Awaitable[bytes]]) -> bytes:
        """The cached picture for a key; `draw` is awaited if there is none, and its exceptions are raised."""
        async with self._one_at_a_time:
            if key not in self._kept:
                self._kept[key] = await draw()
                if len(self._kept) > self._most_kept:
                    self._kept.popitem(last=False)
            return self._kept[key]


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
