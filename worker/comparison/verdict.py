"""Says in plain words whether settings differ by more than the effect of the seed.

The interval of each difference is Welch's. Bonferroni's correction widens it so that all intervals hold together with
95 %, because the leading setting is chosen after the fact. Runs count as independent draws of the seed. The verdict
does not cover another dataset, another split, or settings that were tuned on the same test pictures.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from worker.comparison.run_metrics import Metric
from worker.comparison.student_t import welch_interval

Kind = Literal["clear", "partly_clear", "no_clear_difference", "cannot_tell", "one_setting", "not_comparable"]

CONFIDENCE = 0.95


class Contender(BaseModel, defer_build=True):
    """A setting in a comparison: its name, and one value per seed."""

    model_config = ConfigDict(frozen=True)

    label: str
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean of its values."""
        return sum(self.values) / len(self.values)


class Difference(BaseModel, defer_build=True):
    """The lead of the best setting over another one."""

    model_config = ConfigDict(frozen=True)

    ahead: str
    behind: str
    difference: float = Field(description="Difference of the means, in the unit of the metric; positive is better.")
    low: float | None = Field(description="Lower end of the interval; null if either setting has fewer than two runs.")
    high: float | None
    clear: bool | None = Field(description="Whether the interval excludes zero; null without an interval.")


class Verdict(BaseModel, defer_build=True):
    """Whether the settings differ by more than the noise."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    text: str = Field(description="The verdict in plain words.")
    leader: str | None
    differences: tuple[Difference, ...] = Field(description="The leader against every other setting.")
    confidence: float = Field(default=CONFIDENCE, description="Confidence of all intervals together.")
    method: str = "Welch's t interval over seeds, with Bonferroni's correction for all pairs of settings"
    grown: int = Field(default=0, description="Jobs that were added to the compared groups after their submission.")

    def with_remarks(self, text: str, grown: int) -> "Verdict":
        """The same verdict with more sentences, of a comparison whose groups have grown by so many jobs."""
        return self.model_copy(update={"text": f"{self.text} {text}".rstrip(), "grown": grown})


def judge(contenders: Sequence[Contender], metric: Metric, more: str = "") -> Verdict:
    """Compare settings.

    Args:
        contenders: the settings, each with at least one value.
        metric: decides which direction is better and how numbers are written.
        more: advice at the end of the verdict, for an unclear result.
    """
    if not contenders:
        return _verdict("cannot_tell", "No run has succeeded yet, so there is nothing to compare.")
    ranked = sorted(contenders, key=lambda contender: contender.mean, reverse=metric.higher_is_better)
    leader, others = ranked[0], ranked[1:]
    if not others:
        return _verdict("one_setting", _alone(leader, metric), leader.label)
    n_pairs = len(ranked) * len(others) // 2
    differences = [_difference(leader, other, metric, n_pairs) for other in others]
    kind = _kind(differences)
    is_one_each = all(len(contender.values) == 1 for contender in ranked)
    text = _text_of(kind, leader, differences, metric, is_one_each)
    if kind != "clear" and more:
        text = f"{text} {more}"
    return _verdict(kind, text, leader.label, differences)


def not_comparable(text: str) -> Verdict:
    """The verdict for runs whose numbers mean different things."""
    return _verdict("not_comparable", text)


def _verdict(kind: Kind, text: str, leader: str | None = None, differences: Sequence[Difference] = ()) -> Verdict:
    return Verdict(kind=kind, text=text, leader=leader, differences=tuple(differences))


def _difference(leader: Contender, other: Contender, metric: Metric, n_pairs: int) -> Difference:
    sign = 1 if metric.higher_is_better else -1
    ahead = tuple(sign * value for value in leader.values)
    behind = tuple(sign * value for value in other.values)
    low = high = clear = None
    difference = sign * (leader.mean - other.mean)
    if min(len(ahead), len(behind)) >= 2:
        difference, low, high = welch_interval(ahead, behind, 1 - (1 - CONFIDENCE) / n_pairs)
        clear = low > 0
    return Difference(ahead=leader.label, behind=other.label, difference=difference, low=low, high=high, clear=clear)


def _kind(differences: Sequence[Difference]) -> Kind:
    found = {difference.clear for difference in differences}
    if found == {True}:
        return "clear"
    if True in found:
        return "partly_clear"
    return "no_clear_difference" if False in found else "cannot_tell"


def _alone(only: Contender, metric: Metric) -> str:
    if len(only.values) == 1:
        return f"One run, with a {metric.title} of {metric.written(only.mean)}; nothing to compare it with."
    lowest, highest = metric.written(min(only.values)), metric.written(max(only.values))
    return (
        f"One setting, {len(only.values)} seeds: {metric.title} {metric.written(only.mean)} on average, "
        f"from {lowest} to {highest}."
    )


def _text_of(
    kind: Kind, leader: Contender, differences: Sequence[Difference], metric: Metric, is_one_each: bool
) -> str:
    first = differences[0]
    if kind == "cannot_tell":
        runs, single = ("One run each", "a single run each does") if is_one_each else ("Too few runs", "one run does")
        return (
            f"{runs}: cannot tell. {leader.label} is ahead of {first.behind} by "
            f"{metric.difference(first.difference)} in {metric.title}, but {single} not "
            "show how much of that is due to the seed."
        )
    if len(differences) == 1:
        ahead = f"{leader.label} is ahead of {_gap(first, metric)} in {metric.title}"
        return (
            f"{ahead}: larger than the noise."
            if kind == "clear"
            else f"No clear difference: {ahead}, within the noise."
        )
    leads = f"{leader.label} leads in {metric.title} with {metric.written(leader.mean)}"
    if kind == "clear":
        return f"{leads}. It is ahead of every other setting by more than the noise: of {_gap(first, metric)}."
    open_ones = [difference for difference in differences if not difference.clear]
    more = f" and of {len(open_ones) - 1} more" if len(open_ones) > 1 else ""
    unclear = f"not clearly ahead of {_gap(open_ones[0], metric)}{more}"
    if kind == "no_clear_difference":
        return f"No clear difference: {leads}, but is {unclear}."
    n_clear = len(differences) - len(open_ones)
    return f"{leads}. It is ahead of {n_clear} of {len(differences)} others by more than the noise, but {unclear}."


def _gap(difference: Difference, metric: Metric) -> str:
    gap = f"{difference.behind} by {metric.difference(difference.difference)}"
    if difference.low is None or difference.high is None:
        return f"{gap} (too few runs for an interval)"
    low = metric.difference(difference.low, with_unit=False)
    high = metric.difference(difference.high, with_unit=False)
    return f"{gap} (95 % interval {low} to {high})"
