"""Asks shadows what the version of an alias was asked, after its answer was sent and while no prediction is under way.

What does not get its turn soon, or does not fit the queue, is dropped and counted. A shadow never delays a request by
more than the batch that it has begun, and never makes one fail.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_store import ArtifactCorrupt, StoreError
from service.inference.engine import Engine
from service.inference.network import Pixels
from service.models.index import Damage
from service.splits.trials import Role, Trial

logger = logging.getLogger(__name__)

MOST_WAITING = 64
"""Requests in the queue."""
MOST_BYTES = 32 * 1024 * 1024
"""Of their pixels together."""
PATIENCE_S = 2.0
"""Seconds for which a request waits for an idle moment."""
PAUSE_S = 0.005
"""Seconds between two looks whether the process is idle."""
BATCH = 64
"""Pictures given to the network at once."""


class _Mirrored(NamedTuple):
    """What is to be asked: by which trial, the pixels, their most probable classes, and until when (loop's clock)."""

    trial: Trial
    pixels: Pixels
    best: NDArray[np.intp]
    until: float


class Shadows:
    """The requests that wait for their shadows, in one process.

    Args:
        engine: of the networks.
        is_busy: whether predictions are under way.
        on_damaged: told of a version that cannot be loaded.
    """

    def __init__(
        self, engine: Engine, is_busy: Callable[[], bool], on_damaged: Callable[[Damage], Awaitable[None]]
    ) -> None:
        self._engine = engine
        self._is_busy = is_busy
        self._on_damaged = on_damaged
        self._waiting: deque[_Mirrored] = deque()
        self._n_bytes = 0
        self._task: asyncio.Task[None] | None = None

    def offer(self, trial: Trial, pixels: Pixels, best: NDArray[np.intp]) -> None:
        """Ask the shadow later, or drop the request if too much waits already.

        Args:
            trial: has the shadow, and counts what comes of it.
            pixels: as in `Engine.infer`; not changed from now on.
            best: shape (n,), index of the most probable class in the answer that was given.
        """
        if len(self._waiting) >= MOST_WAITING or self._n_bytes + pixels.nbytes > MOST_BYTES:
            trial.count(Role.SHADOW, "dropped")
            return
        self._n_bytes += pixels.nbytes
        loop = asyncio.get_running_loop()
        self._waiting.append(_Mirrored(trial, pixels, best, loop.time() + PATIENCE_S))
        if self._task is None or self._task.done():
            # In a context of its own: in the request's, it would end when the client leaves.
            self._task = loop.create_task(self._work(), context=Context())

    def close(self) -> None:
        """Drop what waits."""
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        while self._waiting:
            mirrored = self._waiting[0]
            try:
                if await self._is_idle_until(mirrored.until):
                    await self._compare(mirrored)
                else:
                    mirrored.trial.count(Role.SHADOW, "dropped")
            finally:  # whatever happens to it, it must not be in the way of the others
                self._waiting.popleft()
                self._n_bytes -= mirrored.pixels.nbytes

    async def _is_idle_until(self, until: float) -> bool:
        """Wait for a moment without predictions; False when there is none in time."""
        await asyncio.sleep(0)
        while self._is_busy():
            if asyncio.get_running_loop().time() >= until:
                return False
            await asyncio.sleep(PAUSE_S)
        return True

    async def _compare(self, mirrored: _Mirrored) -> None:
        trial, began_at = mirrored.trial, time.perf_counter()
        try:
            best = await self._best(trial, mirrored.pixels)
        except Exception as error:  # noqa: BLE001 - a shadow may fail in any way, which concerns no request
            trial.count(Role.SHADOW, "errors")
            logger.debug("the shadow of alias %s of model %s failed: %r", trial.alias, trial.model, error)
            if isinstance(error, ArtifactCorrupt):
                with suppress(StoreError):  # the store went away meanwhile; the next request finds the damage again
                    await self._on_damaged(Damage(error.model, error.version, error.file))
            return
        trial.count(Role.SHADOW, "requests")
        trial.answered(Role.SHADOW, len(best), time.perf_counter() - began_at)
        trial.count(Role.SHADOW, "agreed", int((best == mirrored.best).sum()))

    async def _best(self, trial: Trial, pixels: Pixels) -> NDArray[np.intp]:
        """The most probable class of each picture by the shadow."""
        manifest = trial.parts[Role.SHADOW]
        await self._engine.load(manifest)
        parts = [await self._engine.infer(manifest, pixels[at : at + BATCH]) for at in range(0, len(pixels), BATCH)]
        best: NDArray[np.intp] = np.concatenate(parts).argmax(axis=1)
        return best
