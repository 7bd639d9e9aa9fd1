"""The figures of a split as they are shown."""

from collections.abc import Mapping

from service.models.index import ModelEntry
from service.models.split_answers import AnswerFigures, ShadowFigures, SplitFigures
from service.splits.sender import Sender
from service.splits.splits import Splits
from service.splits.trials import Role, Trial, counts_of, median_ms
from worker.jobs.errors import QueueUnavailable


class Figures:
    """Reads the counts of splits.

    Args:
        splits: of this process.
        sender: of their counts.
    """

    def __init__(self, splits: Splits, sender: Sender) -> None:
        self._splits = splits
        self._sender = sender

    async def of(self, entry: ModelEntry, alias: str) -> SplitFigures | None:
        """What was counted for an alias, when Redis does not answer by this process; None if it has one version."""
        trial = self._splits.trial(entry, alias)
        if trial is None:
            return None
        try:
            counts, since = await self._sender.of_all_processes(trial)
        except QueueUnavailable:
            return _figures(trial, trial.counts)
        found = _figures(trial, counts)
        return found.model_copy(update={"since": since or trial.since, "scope": "all processes"})


def _figures(trial: Trial, counts: Mapping[str, int]) -> SplitFigures:
    """The counts as they are shown, as those of this process."""
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
