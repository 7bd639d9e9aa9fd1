"""Rolls over to a new version: it is loaded and tried while the previous one answers, so no request fails.

A few requests may wait for the new version, for a second after its loading began: a client that asks just after a
publication usually gets the published version. All others are answered by the previous version at once: under load,
waiting would fill the process and end in refusals.
"""

import asyncio
import logging
from dataclasses import dataclass

from model_store import ArtifactCorrupt, Manifest
from service.errors import ModelUnloaded
from service.inference.engine import Engine

logger = logging.getLogger(__name__)

PATIENCE_S = 1.0
"""Seconds after the start of its loading in which requests wait for a new version."""
MOST_WAITING = 8
"""Requests that wait; a process lets in 256 by default, and a client that asks one after the other is one of them."""
RETRY_S = 1.0
"""Seconds after which a version that could not be read, for example because the store is down, is tried again."""

Key = tuple[str, int]


@dataclass
class _Loading:
    task: asyncio.Task[None]
    began_at: float
    n_waiting: int = 0


class Rollover:
    """The new versions that are being loaded."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._under_way: dict[Key, _Loading] = {}
        self._retry_at: dict[Key, float] = {}

    async def either(self, previous: Manifest, new: Manifest) -> Manifest:
        """The version to ask: the new one, or the previous one while the new one is not loaded.

        Args:
            previous: in memory.
            new: not in memory.

        Raises:
            ArtifactCorrupt: the new version is damaged.
            ModelUnloaded: it is not to be served.
        """
        under_way = self._loading_of(new)
        if under_way is None or not await _has_ended(under_way):
            return previous
        error = under_way.task.exception()
        if isinstance(error, (ArtifactCorrupt, ModelUnloaded)):
            raise error
        return new if error is None else previous

    def _loading_of(self, new: Manifest) -> _Loading | None:
        """The loading of a version, which is started if necessary; none for a moment after it failed."""
        key = (new.model, new.version)
        now = asyncio.get_running_loop().time()
        if key not in self._under_way and self._retry_at.get(key, now) <= now:
            started = self._under_way[key] = _Loading(asyncio.create_task(self._engine.load(new)), now)
            started.task.add_done_callback(lambda task: self._settle(key, task))
        return self._under_way.get(key)

    def _settle(self, key: Key, task: asyncio.Task[None]) -> None:
        del self._under_way[key]
        self._retry_at.pop(key, None)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, (ArtifactCorrupt, ModelUnloaded)):
            self._retry_at[key] = task.get_loop().time() + RETRY_S
            logger.warning("version %d of model %s cannot be loaded yet: %s", key[1], key[0], error)


async def _has_ended(loading: _Loading) -> bool:
    """Whether loading has ended, with or without success, after the time that this request may wait."""
    patience_s = loading.began_at + PATIENCE_S - asyncio.get_running_loop().time()
    if not loading.task.done() and loading.n_waiting < MOST_WAITING and patience_s > 0:
        loading.n_waiting += 1
        try:
            await asyncio.wait({loading.task}, timeout=patience_s)
        finally:
            loading.n_waiting -= 1
    return loading.task.done() and not loading.task.cancelled()
