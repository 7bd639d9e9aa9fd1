"""Rolls over to a new version: it is loaded and tried while the one before it answers, and nobody fails because of it.

A few may wait for the new version, for a second after its loading began, so that who asks just after a publication
mostly gets what was published. Everybody else is answered by the previous version at once: with many who ask, waiting
would fill the process and end in refusals.
"""

import asyncio
import logging
import time
from dataclasses import dataclass

from model_store import ArtifactCorrupt, Manifest
from service.errors import ModelUnloaded
from service.inference.engine import Engine

logger = logging.getLogger(__name__)

PATIENCE_S = 1.0
"""How long after the start of its loading requests wait for a new version."""
MOST_WAITING = 8
"""How many do; one process lets in 256 by default, and a client that asks in turn is one."""
RETRY_S = 1.0
"""A version that could not be read, as when the store is away, is tried again after so long."""


Key = tuple[str, int]


@dataclass
class _Swap:
    loading: asyncio.Task[None]
    began_at: float
    n_waiting: int = 0


class Rollover:
    """The new versions that are being loaded."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._under_way: dict[Key, _Swap] = {}
        self._retry_at: dict[Key, float] = {}

    async def either(self, previous: Manifest, new: Manifest) -> Manifest:
        """The version to ask: the new one, or the one before it while the new one is not there yet.

        Args:
            previous: in memory.
            new: not in memory.

        Raises:
            ArtifactCorrupt: the new version is damaged.
            ModelUnloaded: it is not to be served.
        """
        swap = self._swap_to(new)
        if swap is None or not await _is_over(swap):
            return previous
        error = swap.loading.exception()
        if isinstance(error, (ArtifactCorrupt, ModelUnloaded)):
            raise error
        return new if error is None else previous

    def _swap_to(self, new: Manifest) -> _Swap | None:
        """The one under way, or a new one; none for a moment after it failed."""
        key = (new.model, new.version)
        now = time.monotonic()
        if key not in self._under_way and self._retry_at.get(key, now) <= now:
            swap = self._under_way[key] = _Swap(asyncio.create_task(self._engine.load(new)), now)
            swap.loading.add_done_callback(lambda loading: self._settle(key, loading))
        return self._under_way.get(key)

    def _settle(self, key: Key, loading: asyncio.Task[None]) -> None:
        del self._under_way[key]
        self._retry_at.pop(key, None)
        error = None if loading.cancelled() else loading.exception()
        if error is not None and not isinstance(error, (ArtifactCorrupt, ModelUnloaded)):
            self._retry_at[key] = time.monotonic() + RETRY_S
            logger.warning("version %d of model %s is not swapped in yet: %s", key[1], key[0], error)


async def _is_over(swap: _Swap) -> bool:
    """Whether loading has ended, well or not, after the wait that this request may afford."""
    patience_s = swap.began_at + PATIENCE_S - time.monotonic()
    if not swap.loading.done() and swap.n_waiting < MOST_WAITING and patience_s > 0:
        swap.n_waiting += 1
        try:
            await asyncio.wait({swap.loading}, timeout=patience_s)
        finally:
            swap.n_waiting -= 1
    return swap.loading.done() and not swap.loading.cancelled()
