"""The fields that distinguish runs: plans as flat dictionaries from path to value, and the paths that differ."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from worker.jobs.plan import TrainingPlan

NOT_A_SETTING = frozenset({"seed", "model"})
"""Another seed repeats a setting, and the name to publish under does not change the training."""

Flat = dict[str, JsonValue]


def flattened(plans: Sequence[TrainingPlan]) -> list[Flat]:
    """Every plan as path → value, for example `optimizer.learning_rate` → 0.01.

    Networks that were sent as layers are flattened too if all of them have the same types of layers, so that a single
    changed layer shows as such. Otherwise each network is one value with the beginning of its digest.
    """
    bodies = [plan.model_dump(mode="json", exclude_none=True, exclude=set(NOT_A_SETTING)) for plan in plans]
    if len({_outline(body["architecture"]) for body in bodies}) > 1:
        bodies = [body | {"architecture": _named(body["architecture"])} for body in bodies]
    return [dict(_leaves(body, "")) for body in bodies]


def same_and_different(flat: Sequence[Flat]) -> tuple[Flat, list[str]]:
    """The values that all share, and the paths in which they differ, in the order of the plan's fields."""
    paths = list(dict.fromkeys(path for settings in flat for path in settings))
    different = [path for path in paths if len({json.dumps(settings.get(path)) for settings in flat}) > 1]
    same = {path: flat[0][path] for path in paths if path not in different}
    return same, different


def label_of(values: Mapping[str, JsonValue]) -> str:
    """A readable name for a setting: its values, each after as much of the end of its path as makes it unique."""
    if not values:
        return "all runs"
    if len(values) == 1 and isinstance(only := next(iter(values.values())), str):
        return only
    return ", ".join(_described(name, value) for name, value in zip(_short(list(values)), values.values(), strict=True))


def _described(name: str, value: JsonValue) -> str:
    if name == "architecture" and isinstance(value, str):
        return value
    return f"{name.replace('_', ' ')} {_written(value)}"


def _written(value: JsonValue) -> str:
    if value is None:
        return "default"
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)


def _short(paths: Sequence[str]) -> list[str]:
    for n_steps in range(1, 20):
        names = [".".join(path.split(".")[-n_steps:]) for path in paths]
        if len(set(names)) == len(names) and not any(name[0].isdecimal() or name == "name" for name in names):
            return names
    return list(paths)


def _leaves(value: JsonValue, path: str) -> Iterator[tuple[str, JsonValue]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(entry, dict | list) for entry in value):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}.{index}")
    else:
        yield path, value


def _outline(architecture: JsonValue) -> str:
    """Equal for networks whose layers can be compared one by one; the same for all presets."""
    if not isinstance(architecture, dict):
        return "preset"
    return json.dumps(_kinds(architecture["layers"]))


def _kinds(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_kinds(entry) for entry in value]
    if isinstance(value, dict):
        return [value.get("type"), *(_kinds(entry) for entry in value.values() if isinstance(entry, list))]
    return None


def _named(architecture: JsonValue) -> JsonValue:
    if not isinstance(architecture, dict):
        return architecture
    digest = hashlib.sha256(json.dumps(architecture, sort_keys=True).encode()).hexdigest()
    return f"own network {digest[:6]}"
