"""The requests that would make a verdict more certain: the same settings with seeds that were not used yet."""

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
"""Seeds per setting that a clear verdict needs at least."""
MOST = 12
"""Settings that do not differ clearly with this many seeds are equal for practical purposes."""


def followup(
    plans: Sequence[TrainingPlan], values: Sequence[Flat], taken: Set[int], fewest: int
) -> tuple[list[dict[str, JsonValue]], list[int]]:
    """Bodies of `POST /jobs`, and the seeds in them: one grid if the settings form one, else a grid for each setting.

    Args:
        plans: one of each setting.
        values: the fields that differ, in the same order.
        taken: seeds that were used.
        fewest: number of seeds of the setting with the fewest.
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
            continue  # the field is required, or planning needs the store
    body.pop("seed", None)
    return body


def _without(body: dict[str, JsonValue], paths: Iterable[str]) -> dict[str, JsonValue]:
    """The body without the fields that the grid varies."""
    steps = [path.split(".") for path in paths]
    inner = {name: [rest for first, *rest in steps if first == name] for name in body}
    kept = {
        name: _without(value, map(".".join, inner[name])) if isinstance(value, dict) and inner[name] else value
        for name, value in body.items()
        if [] not in inner[name]
    }
    return {name: value for name, value in kept.items() if value != {} or not inner[name]}


def _axes(values: Sequence[Flat]) -> dict[str, list[JsonValue]] | None:
    """The values of each path if the settings are exactly all combinations of them, else None."""
    axes: dict[str, list[JsonValue]] = {}
    for path in values[0]:
        choices = {json.dumps(settings[path]): settings[path] for settings in values}
        axes[path] = list(choices.values())
    is_whole = len(values) == math.prod(map(len, axes.values()))
    is_explicit = all(choice is not None for choices in axes.values() for choice in choices)
    is_given = not any(str(choice).startswith("own network ") for choice in axes.get("architecture", ()))
    return axes if is_whole and is_explicit and is_given else None
