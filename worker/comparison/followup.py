"""The requests that would make a verdict firmer: the same settings, with seeds that were not used yet."""

import itertools
import json
import math
from collections.abc import Iterable, Sequence, Set

from pydantic import JsonValue

from worker.comparison.hyperparameters import Flat
from worker.jobs.grids import MAX_JOBS
from worker.jobs.plan import TrainingPlan, plan
from worker.jobs.request import JobRequest

ENOUGH = 3
"""Seeds per setting from which on a verdict can be firm at all."""
MOST = 12
"""Where more seeds still leave no clear difference, the settings are alike for any practical purpose."""


def followup(
    plans: Sequence[TrainingPlan], values: Sequence[Flat], taken: Set[int], fewest: int
) -> tuple[list[dict[str, JsonValue]], list[int]]:
    """Bodies of `POST /jobs`, and the seeds in them: one grid where the settings are one, else one for each setting.

    Args:
        plans: one of each setting.
        values: the settings that differ, in the same order.
        taken: seeds that were used.
        fewest: seeds that the setting with the fewest has.
    """
    wanted = ENOUGH if fewest < ENOUGH else 2 * fewest
    if wanted > MOST:
        return [], []
    free = (seed for seed in itertools.count(1) if seed not in taken)
    seeds = list(itertools.islice(free, wanted - fewest))
    bodies = [_short(planned) for planned in plans]
    axes = _axes(values)
    if axes is None or len(values) * len(seeds) > MAX_JOBS:
        return [{**body, "grid": {"seed": list(seeds)}} for body in bodies], seeds
    grid: dict[str, JsonValue] = {**axes, "seed": list(seeds)}
    return [{**_without(bodies[0], axes), "grid": grid}], seeds


def _short(planned: TrainingPlan) -> dict[str, JsonValue]:
    """The shortest request with this plan, without the seed."""
    body = planned.model_dump(mode="json", exclude_none=True)
    for field in list(body):
        try:
            if plan(JobRequest.model_validate({name: body[name] for name in body if name != field})) == planned:
                del body[field]
        except ValueError:
            continue  # it is needed, or needs the store to be planned
    body.pop("seed", None)
    return body


def _without(body: dict[str, JsonValue], paths: Iterable[str]) -> dict[str, JsonValue]:
    """The body without the fields that a grid sets."""
    steps = [path.split(".") for path in paths]
    inner = {name: [rest for first, *rest in steps if first == name] for name in body}
    kept = {
        name: _without(value, map(".".join, inner[name])) if isinstance(value, dict) and inner[name] else value
        for name, value in body.items()
        if [] not in inner[name]
    }
    return {name: value for name, value in kept.items() if value != {} or not inner[name]}


def _axes(values: Sequence[Flat]) -> dict[str, list[JsonValue]] | None:
    """The values of each path if the settings are all their combinations, else None."""
    axes: dict[str, list[JsonValue]] = {}
    for path in values[0]:
        choices = {json.dumps(settings[path]): settings[path] for settings in values}
        axes[path] = list(choices.values())
    is_whole = len(values) == math.prod(map(len, axes.values()))
    is_explicit = all(choice is not None for choices in axes.values() for choice in choices)
    is_given = not any(str(choice).startswith("own network ") for choice in axes.get("architecture", ()))
    return axes if is_whole and is_explicit and is_given else None
