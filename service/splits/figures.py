"""The figures of a split over all processes: what this one has counted goes to Redis every few seconds."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from contextvars import Context

from service.jobs.queue import JobQueue
from service.models.index import ModelEntry
from service.models.split_answers import AnswerFigures, ShadowFigures, SplitFigures
from service.splits.splits import Splits
from service.splits.trials import Role, Trial, counts_of, median_ms
from worker.job_store.split_counts import SplitCounts
from worker.jobs.errors import QueueUnavailable

logger = logging.getLogger(__name__)

SEND_EVERY_S = 2.0


class Figures:
    """Sends and reads the counts of splits.

    Args:
        splits: of this process.
        counts: in Redis.
        queue: calls Redis within a deadline.
    """

    def __init__(self, splits: Splits, counts: SplitCounts, queue: JobQueue) -> None:
        self._splits = splits
        self._counts = counts
        self._queue = queue
        self._sending: asyncio.Task[None] | None = None
        splits.on_counted(self._send_soon)

    async def of(self, entry: ModelEntry, alias: str) -> SplitFigures | None:
        """What was counted for an alias, when Redis does not answer by this process; None if it has one version."""
        trial = self._splits.trial(entry, alias)
        if trial is None:
            return None
        try:
            await self._send(trial)
            counts, since = await self._queue.call(self._counts.read, trial.key)
        except QueueUnavailable:
            return _figures(trial, trial.counts)
        found = _figures(trial, counts)
        return found.model_copy(update={"since": since or trial.since, "scope": "all processes"})

    def close(self) -> None:
        """Stop sending; what was counted in the last seconds is lost."""
        if self._sending is not None:
            self._sending.cancel()

    def _send_soon(self) -> None:
        if self._sending is None or self._sending.done():
            # In a context of its own: it has nothing to do with the request that is counted.
            self._sending = asyncio.get_running_loop().create_task(self._send_all(), context=Context())

    async def _send_all(self) -> None:
        """Send until nothing new is counted. Without Redis it ends, and the next count begins again."""
        waiting: list[Trial] = []
        while not waiting or any(trial.unsent for trial in waiting):
            await asyncio.sleep(SEND_EVERY_S)
            waiting = self._splits.trials()
            try:
                for trial in waiting:
                    await self._send(trial)
            except QueueUnavailable as error:
                logger.debug("the counts of aliases were not sent: %s", error)
                return
            if not waiting:
                return

    async def _send(self, trial: Trial) -> None:
        """Send what Redis does not have. If its answer is lost, that may be counted twice."""
        sent, trial.unsent = trial.unsent, Counter()
        if not sent:
            return
        try:
            await self._queue.call(self._counts.add, trial.key, sent, trial.since)
        except BaseException:
            trial.unsent.update(sent)
            raise


def _figures(trial: Trial, counts: Mapping[str, int]) -> SplitFigures:
    """The counts as they are shown, first as those of this process."""
    answered = {
        str(role): _answer_figures(trial, role, counts) for role in (Role.STABLE, Role.CANARY) if role in trial.parts
    }
    shadow = _shadow_figures(trial, counts) if Role.SHADOW in trial.parts else None
    return SplitFigures(since=trial.since, scope="this process", shadow=shadow, **answered)


def _answer_figures(trial: Trial, role: Role, counts: Mapping[str, int]) -> AnswerFigures:
    own = counts_of(counts, role)
    return AnswerFigures(
        version=trial.parts[role].version,
        requests=own.get("requests", 0),
        pictures=own.get("pictures", 0),
        errors=own.get("errors", 0),
        latency_p50_ms=median_ms(own),
    )


def _shadow_figures(trial: Trial, counts: Mapping[str, int]) -> ShadowFigures:
    own = counts_of(counts, Role.SHADOW)
    pictures, agreed = own.get("pictures", 0), own.get("agreed", 0)
    return ShadowFigures(
        **_answer_figures(trial, Role.SHADOW, counts).model_dump(),
        agreed=agreed,
        agreement=agreed / pictures if pictures else None,
        dropped=own.get("dropped", 0),
    )
