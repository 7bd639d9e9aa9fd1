"""What distinguishes a job of a group, when it was not made from the group's own grid."""

from collections.abc import Iterable

from pydantic import JsonValue

from worker.jobs.plan import TrainingPlan


def values_at(plan: TrainingPlan, paths: Iterable[str]) -> dict[str, JsonValue]:
    """The values of a plan at some paths, such as `overrides.activation`; null where it has none."""
    described = plan.model_dump(mode="json")
    return {path: _value_at(described, path) for path in paths}


def _value_at(found: JsonValue, path: str) -> JsonValue:
    for step in path.split("."):
        if isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        elif isinstance(found, dict):
            found = found.get(step)
        else:
            return None
    return found
