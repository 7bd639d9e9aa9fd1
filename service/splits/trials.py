"""A split at work: the versions that take part, and what is counted of each.

Counts are whole numbers by name, so that those of several processes can be added. Times are counted in buckets that are
12 % apart, which bounds them and still gives a median within 6 %.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum

from model_store import Manifest
from service.telemetry.splits import SplitSeries

BUCKETS_PER_DECADE = 20
LOWEST_MS, HIGHEST_BUCKET = 0.1, 7 * BUCKETS_PER_DECADE
"""From a tenth of a millisecond to 1,000 s."""
_TIME = "t"


class Role(StrEnum):
    """What a version does for an alias."""

    STABLE = "stable"
    CANARY = "canary"
    SHADOW = "shadow"


class Trial:
    """The versions behind one alias, and their figures in this process.

    Attributes:
        model: its name.
        alias: its name.
        parts: the version of each role; `stable` always has one.
        since: when this process began to count.
        counts: since then, by `<role>.<what>`.
        unsent: of these, what Redis does not have yet.
    """

    def __init__(
        self, model: str, alias: str, parts: Mapping[Role, Manifest], on_counted: Callable[["Trial"], None]
    ) -> None:
        self.model = model
        self.alias = alias
        self.parts = parts
        self.since = datetime.now(UTC)
        self.counts: Counter[str] = Counter()
        self.unsent: Counter[str] = Counter()
        self._on_counted = on_counted

    @property
    def numbers(self) -> dict[Role, int]:
        """The version of each role."""
        return {role: manifest.version for role, manifest in self.parts.items()}

    @property
    def key(self) -> str:
        """The same in every process, and another one when a version changes."""
        numbers = ".".join(str(self.numbers.get(role, 0)) for role in Role)
        return f"{self.model}:{self.alias}:{numbers}"

    def count(self, role: Role, what: str, n: int = 1) -> None:
        """Count something that a version did."""
        name = f"{role}.{what}"
        self.counts[name] += n
        self.unsent[name] += n
        self._on_counted(self)

    def answered(self, role: Role, n_pictures: int, seconds: float) -> None:
        """Count an answer: its pictures and its time in the queue and the network."""
        self.count(role, "pictures", n_pictures)
        self.count(role, "us", round(seconds * 1e6))
        self.count(role, f"{_TIME}{_bucket(seconds * 1000)}")

    def series(self) -> list[SplitSeries]:
        """The figures of this process for the metrics."""
        return [self._series_of(role) for role in self.parts]

    def _series_of(self, role: Role) -> SplitSeries:
        own = counts_of(self.counts, role)
        n_answers = sum(n for _, n in _by_bucket(own))
        return SplitSeries(self.model, self.alias, str(role), self.parts[role].version, own, n_answers)


def counts_of(counts: Mapping[str, int], role: Role) -> dict[str, int]:
    """What was counted of one version, by what it is."""
    prefix = f"{role}."
    return {name.removeprefix(prefix): n for name, n in counts.items() if name.startswith(prefix)}


def median_ms(counts: Mapping[str, int]) -> float | None:
    """The median time of the answers of one version, in milliseconds; None before the first."""
    buckets = sorted(_by_bucket(counts))
    half = sum(n for _, n in buckets) / 2
    for bucket, n in buckets:
        half -= n
        if half <= 0:
            return float(f"{LOWEST_MS * 10 ** ((bucket - 0.5) / BUCKETS_PER_DECADE):.3g}")
    return None


def _by_bucket(counts: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    """The buckets with answers of one version, and how many answers each has."""
    for name, n in counts.items():
        bucket = name[len(_TIME) :]
        if bucket.isdecimal():
            yield int(bucket), n


def _bucket(ms: float) -> int:
    """The bucket that ends at or above a time."""
    if ms <= LOWEST_MS:
        return 0
    return min(math.ceil(BUCKETS_PER_DECADE * math.log10(ms / LOWEST_MS)), HIGHEST_BUCKET)
