"""Commands for a terminal: the body of `POST /jobs` that repeats a run, and `curl` with it."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from worker.architectures import PRESETS, Recipe
from worker.jobs.plan import OWN_RECIPE, TrainingPlan
from worker.recipe.options import KERAS_ADAMW_DECAY

SERVER = "localhost:8000"
"""The address that `convserve up` has by default, as in the documentation."""
_ON_OR_OFF = ("learning_rate_schedule", "augmentation", "label_smoothing", "ema", "precision")
_OFF: Mapping[str, Any] = {"label_smoothing": 0.0, "ema": 0.0, "precision": "float32", "augmentation": {}}
_CONSTANT = {"name": "constant", "warmup": 0.0}


def body_of(plan: Mapping[str, JsonValue], architecture: JsonValue) -> dict[str, JsonValue]:
    """The body of `POST /jobs` that asks for the same run again.

    It names what was chosen, also where that was a default at the time. What is off is left out, unless the preset's
    recipe would switch it on.

    Args:
        plan: a training plan as JSON, with or without its `architecture`.
        architecture: a preset's name, or a description; with the plan's `overrides` applied, if it has none.
    """
    preset = PRESETS.get(architecture) if isinstance(architecture, str) else None
    recipe = preset.recipe if preset else OWN_RECIPE
    kept: dict[str, Any] = {
        name: value
        for name, value in plan.items()
        if name != "architecture" and value is not None and value is not False and not _is_needless(name, value, recipe)
    }
    if "name" in (kept.get("optimizer") or {}):
        kept["optimizer"] = _optimizer(kept["optimizer"])
    return {"architecture": architecture, **{name: _without_null(value) for name, value in kept.items()}}


def body_of_plan(plan: TrainingPlan) -> dict[str, JsonValue]:
    """The body of `POST /jobs` for a plan."""
    chosen = plan.architecture
    described = chosen if isinstance(chosen, str) else chosen.model_dump(mode="json", exclude_defaults=True)
    return body_of(plan.model_dump(mode="json"), described)


def submission(body: Mapping[str, JsonValue]) -> str:
    """`curl` that submits a body as a job."""
    return f"curl -s {SERVER}/jobs --json {shlex.quote(json.dumps(body, ensure_ascii=False))}"


def question(path: str) -> str:
    """`curl` that asks for something."""
    return f"curl -s {shlex.quote(f'{SERVER}{path}')}"


def _is_needless(name: str, value: JsonValue, recipe: Recipe) -> bool:
    """Whether an option is off in the plan and in the recipe."""
    if name not in _ON_OR_OFF:
        return False
    usual = recipe.model_dump(mode="json")[name]
    return _is_off(name, value) and _is_off(name, usual)


def _is_off(name: str, value: Any) -> bool:  # noqa: ANN401 - any JSON value
    match name:
        case "learning_rate_schedule":
            return bool(value == _CONSTANT)
        case "augmentation":
            return isinstance(value, dict) and not any(
                inner for name, inner in value.items() if name not in {"padding", "alternate_flip"}
            )
    return bool(value == _OFF[name])


def _optimizer(settings: Mapping[str, Any]) -> dict[str, Any]:
    usual_decay = KERAS_ADAMW_DECAY if settings["name"] == "adamw" else 0.0
    return {
        name: value
        for name, value in settings.items()
        if value is not None and not (name == "weight_decay" and value == usual_decay)
    }


def _without_null(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {name: inner for name, inner in value.items() if inner is not None}
    return value
