"""What the metrics show of aliases whose requests go to several versions.

A series ends when the alias gets other versions. How many there may be is bounded by `service.splits.splits`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.metrics_core import CounterMetricFamily, Metric, SummaryMetricFamily

LABELS = ("model", "alias", "role", "version")
_COUNTERS = (
    ("requests", "convserve_split_requests", "Requests of an alias that a version was chosen for."),
    ("pictures", "convserve_split_pictures", "Pictures that a version gave probabilities for."),
    ("errors", "convserve_split_errors", "Requests that a version was chosen for and could not answer."),
)
_SHADOW_COUNTERS = (
    ("agreed", "convserve_shadow_agreed", "Pictures whose most probable class was the one that had been answered."),
    ("dropped", "convserve_shadow_dropped", "Requests whose shadow was not asked, because the process was busy."),
)


@dataclass(frozen=True)
class SplitSeries:
    """One version of one alias.

    Attributes:
        model: its name.
        alias: its name.
        role: `stable`, `canary` or `shadow`.
        version: its number.
        counts: by what is counted; `us` are the microseconds of all answers.
        n_answers: that these microseconds are of.
    """

    model: str
    alias: str
    role: str
    version: int
    counts: Mapping[str, int]
    n_answers: int

    @property
    def labels(self) -> list[str]:
        """In the order of `LABELS`."""
        return [self.model, self.alias, self.role, str(self.version)]


def split_metrics(series: Iterable[SplitSeries]) -> Iterator[Metric]:
    """The metrics of all splits; none where there is no split."""
    shown = list(series)
    if not shown:
        return
    yield from _counters(_COUNTERS, shown)
    yield from _counters(_SHADOW_COUNTERS, [each for each in shown if each.role == "shadow"])
    seconds = SummaryMetricFamily(
        "convserve_split_answer_seconds", "Queue and network together, by version of an alias.", labels=LABELS
    )
    for each in shown:
        seconds.add_metric(each.labels, each.n_answers, each.counts.get("us", 0) / 1e6)
    yield seconds


def _counters(shown: Iterable[tuple[str, str, str]], series: Iterable[SplitSeries]) -> Iterator[Metric]:
    for what, name, text in shown:
        family = CounterMetricFamily(name, text, labels=LABELS)
        for each in series:
            family.add_metric(each.labels, each.counts.get(what, 0))
        yield family
