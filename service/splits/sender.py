"""Sends the counts of splits to Redis every few seconds, and reads those of all processes there."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from contextvars import Context
from datetime import datetime
from weakref import WeakSet

from service.jobs.queue import JobQueue
from service.splits.trials import Trial
from worker.job_store.split_counts import SplitCounts
from worker.jobs.errors import QueueUnavailable

logger = logging.getLogger(__name__)

SEND_EVERY_S = 2.0


class Sender:
    """Knows the trials with counts that Redis does not have. A trial that is no longer used is forgotten with them.

    Args:
        counts: in Redis.
        queue: calls Redis within a deadline.
    """

    def __init__(self, counts: SplitCounts, queue: JobQueue) -> None:
        self._counts = counts
        self._queue = queue
        self._unsent: WeakSet[Trial] = WeakSet()
        self._sending: asyncio.Task[None] | None = None

    def counted(self, trial: Trial) -> None:
        """Send the counts of a trial soon."""
        self._unsent.add(trial)
        if self._sending is None or self._sending.done():
            # In a context of its own: it has nothing to do with the request that is counted.
            self._sending = asyncio.get_running_loop().create_task(self._send_all(), context=Context())

    async def of_all_processes(self, trial: Trial) -> tuple[Mapping[str, int], datetime | None]:
        """All counts in Redis, with those of this process, and since when. Raises `QueueUnavailable`."""
        await self._send(trial)
        return await self._queue.call(self._counts.read, trial.key)

    def close(self) -> None:
        """Stop sending; what was counted in the last seconds is lost."""
        if self._sending is not None:
            self._sending.cancel()

    async def _send_all(self) -> None:
        """Send until nothing new is counted. Without Redis it ends, and the next count begins again."""
        while self._unsent:
            await asyncio.sleep(SEND_EVERY_S)
            try:
                for trial in list(self._unsent):
                    await self._send(trial)
            except QueueUnavailable as error:
                logger.debug("the counts of aliases were not sent: %s", error)
                return

    async def _send(self, trial: Trial) -> None:
        """Send what Redis does not have. If its answer is lost, that may be counted twice."""
        sent, trial.unsent = trial.unsent, Counter()
        self._unsent.discard(trial)
        if not sent:
            return
        try:
            await self._queue.call(self._counts.add, trial.key, sent, trial.since)
        except BaseException:
            trial.unsent.update(sent)
            self._unsent.add(trial)
            raise
