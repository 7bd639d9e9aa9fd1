"""All splits of one process: their trials, and the turns of its requests."""

import random
from collections.abc import Callable

from model_store import Manifest
from service.inference.engine import Engine
from service.models.catalog import Catalog
from service.models.index import ModelEntry
from service.splits.choosing import place_of, sticky_key
from service.splits.shadows import Shadows
from service.splits.trials import Role, Trial
from service.splits.turns import Turn, asking_of_request
from service.telemetry.splits import SplitSeries

MOST_TRIALS = 256
"""Aliases with figures in one process; beyond, those that were asked longest ago are counted anew."""


class Splits:
    """Gives requests their turns, and keeps the figures of this process.

    Args:
        catalog: knows the splits.
        engine: asks shadows.
        is_busy: whether predictions are under way.
        on_counted: told of a trial whenever something of it was counted.
        draw: a random number from 0 to below 1.
    """

    def __init__(
        self,
        catalog: Catalog,
        engine: Engine,
        is_busy: Callable[[], bool],
        on_counted: Callable[[Trial], None],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._catalog = catalog
        self._on_counted = on_counted
        self._draw = draw
        self._trials: dict[tuple[str, str], Trial] = {}  # the one asked last is the last one
        self._shadows = Shadows(engine, is_busy, catalog.mark_damaged)

    def turn(self, stable: Manifest, alias: str) -> Turn | None:
        """The turn of the request under way; None if the alias has one version, or in work other than predictions.

        Args:
            stable: the version that the alias points at.
            alias: of that model.
        """
        asking = asking_of_request.get()
        entry = self._catalog.entry(stable.model)
        if asking is None or entry is None or alias not in entry.splits or entry.aliases[alias] != stable.version:
            return None  # in the last case the alias was moved at this moment
        trial = self.trial(entry, alias)
        if trial is None:
            return None
        canary, shadow = entry.split(alias)
        key = sticky_key(asking.scope)
        place = self._draw() if key is None else place_of(stable.model, alias, key)
        role = Role.CANARY if canary is not None and place < canary.weight else Role.STABLE
        is_mirrored = role is Role.STABLE and shadow is not None and self._draw() < shadow.weight
        asking.turn = Turn(trial, role, self._shadows if is_mirrored else None)
        trial.count(role, "requests")
        return asking.turn

    def same_version(self, stable: Manifest, alias: str) -> Manifest:
        """The version that answers every request with the same key as this one; the stable one if chance decides.

        Nothing is counted.
        """
        asking = asking_of_request.get()
        entry = self._catalog.entry(stable.model)
        canary = entry.split(alias).canary if entry is not None else None
        key = None if asking is None else sticky_key(asking.scope)
        if entry is None or canary is None or key is None or place_of(stable.model, alias, key) >= canary.weight:
            return stable
        return entry.version(canary.version)

    def trial(self, entry: ModelEntry, alias: str) -> Trial | None:
        """The figures of an alias's versions, which begin anew when one of them changes; None if there is only one."""
        numbers = _numbers(entry, alias)
        known = self._trials.pop((entry.name, alias), None)
        if numbers is None:
            return None
        if known is None or known.numbers != numbers:
            parts = {role: entry.version(number) for role, number in numbers.items()}
            known = Trial(entry.name, alias, parts, self._on_counted)
        self._trials[entry.name, alias] = known
        if len(self._trials) > MOST_TRIALS:
            del self._trials[next(iter(self._trials))]
        return known

    def trials(self) -> list[Trial]:
        """Those that are still in force; the others are forgotten."""
        for (model, alias), trial in list(self._trials.items()):
            entry = self._catalog.entry(model)
            if entry is None or _numbers(entry, alias) != trial.numbers:
                del self._trials[model, alias]
        return list(self._trials.values())

    def series(self) -> list[SplitSeries]:
        """What the metrics show."""
        return [series for trial in self.trials() for series in trial.series()]

    def close(self) -> None:
        """Drop what waits for shadows."""
        self._shadows.close()


def _numbers(entry: ModelEntry, alias: str) -> dict[Role, int] | None:
    """The sound versions that take part in the requests of an alias, by role; None if there is only one."""
    stable = entry.aliases.get(alias)
    roles = {Role(role): number for role, number in entry.split(alias).roles()}
    if stable is None or stable not in entry.versions or not roles:
        return None
    return {Role.STABLE: stable} | roles
