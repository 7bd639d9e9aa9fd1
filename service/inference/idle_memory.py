"""Gives memory back after a burst: free memory at once, networks that are no longer used when there is too much of it.

Most memory of a request goes back when it is answered, since large objects do not come from the heap. What is left are
small objects that the garbage collector has not visited, holes in the heap, and networks that were asked once.
"""

import asyncio
import gc
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from service.inference.c_memory import give_back
from service.inference.model_memory import ModelMemory

logger = logging.getLogger(__name__)

GROWN_BYTES = 16_000_000
"""Growth since the last time, below which looking for free memory is not worth its milliseconds."""
BUSY_LIMIT_S = 15.0
"""Seconds for which a process that is never idle puts it off."""
IDLE_S = 20.0
"""Seconds after which a network counts as unused."""
_STATM = Path("/proc/self/statm")


class IdleMemory:
    """What a process does about its memory now and then."""

    def __init__(
        self,
        networks: ModelMemory,
        target_bytes: int,
        resident_bytes: Callable[[], int | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with what the process has now.

        Args:
            networks: in memory.
            target_bytes: memory of the process, above which unused networks are evicted.
            resident_bytes: tells the memory of the process; None where that cannot be told, and then nothing happens.
            clock: seconds.
        """
        self._networks = networks
        self._target_bytes = target_bytes
        self._resident_bytes = resident_bytes or resident_memory
        self._clock = clock
        self._settled_bytes = self._resident_bytes() or 0
        self._looked_at = clock()

    async def look(self, *, is_busy: bool) -> None:
        """Give back what can be given back; to be called every few seconds.

        Args:
            is_busy: requests are being answered, so that collecting and trimming would delay them.
        """
        resident = self._resident_bytes()
        unused = self._networks.unused_for(IDLE_S)
        if resident is None:
            return
        if resident > self._target_bytes and unused:
            logger.info("version %d of model %s is evicted: it was not used lately", unused[0][1], unused[0][0])
            self._networks.forget(*unused[0])  # one at a time; its memory is trimmed when it is gone
        self._settled_bytes = min(self._settled_bytes, resident)
        is_due = not is_busy or self._clock() - self._looked_at >= BUSY_LIMIT_S
        if is_due and resident > self._settled_bytes + GROWN_BYTES:
            await self._give_back()

    async def _give_back(self) -> None:
        gc.collect()
        await asyncio.to_thread(give_back)
        self._settled_bytes = self._resident_bytes() or 0
        self._looked_at = self._clock()


def resident_memory() -> int | None:
    """Bytes of memory that this process has; None on a system that does not tell."""
    with suppress(OSError, ValueError, IndexError):
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return None
