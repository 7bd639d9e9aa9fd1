"""One request, many jobs: a training and a grid of values to try for some of its fields.

A grid names fields by their path (`overrides.activation`, `optimizer.learning_rate`, `architecture.layers.0.filters`)
and lists values for each; every combination is one job. All of them are planned before any is queued. This module
knows neither Redis nor HTTP.
"""

import copy
import itertools
import json
import math
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, StringConstraints, Tag, ValidationError

from worker.jobs.draws import RandomSearch, ValueRange, drawn
from worker.jobs.labels import NO_LABELS, Labels
from worker.jobs.plan import TrainingPlan
from worker.jobs.request import JobRequest, RequestInvalid, labels_of, without_union_tags
from worker.patterns import FIELD_PATH_PATTERN, message_of

MAX_JOBS = 100
MAX_FIELDS = 6
MAX_PATH_STEPS = 12

NAMED_FIELDS = ("optimizer.", "learning_rate_schedule.")
"""Beginnings of the paths into objects that need a name, and have a default."""

FieldPath = Annotated[str, StringConstraints(pattern=FIELD_PATH_PATTERN, max_length=100)]
Values = Annotated[list[JsonValue], Field(min_length=1, max_length=MAX_JOBS)]
ValuesOrRange = Annotated[
    Annotated[Values, Tag("values")] | Annotated[ValueRange, Tag("range")],
    Discriminator(lambda value: "range" if isinstance(value, dict | ValueRange) else "values"),
]
Grid = Mapping[str, Sequence[JsonValue] | ValueRange]


class GridRequest(BaseModel, defer_build=True):
    """Many trainings at once: the fields of one, and a grid of values for some of them.

    A field that the grid varies may be left out. If it is given, the grid's values replace it. A part of the optimizer,
    such as `optimizer.learning_rate`, may be varied without naming the optimizer.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    grid: Annotated[dict[FieldPath, ValuesOrRange], Field(min_length=1, max_length=MAX_FIELDS)] = Field(
        description=f"Path of a field → values to try. Every combination is one job, at most {MAX_JOBS} in all. With "
        "`random`, a field may have a range instead.",
        examples=[{"overrides.activation": ["tanh", "relu"], "seed": [1, 2, 3]}],
    )
    random: RandomSearch | None = Field(
        default=None,
        description="Draw so many combinations at random instead of trying all: a number, or an object with `jobs` and "
        "`seed`.",
        examples=[20, {"jobs": 20, "seed": 1}],
    )


def _submission_tag(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return "many-jobs" if isinstance(value, GridRequest) or (isinstance(value, dict) and "grid" in value) else "one-job"


Submission = Annotated[
    Annotated[JobRequest, Tag("one-job")] | Annotated[GridRequest, Tag("many-jobs")], Discriminator(_submission_tag)
]
"""The body of `POST /jobs`: a training, or a grid of them."""
SUBMISSION_TAGS = frozenset({"one-job", "many-jobs"})
"""Tags that pydantic puts first in an error's path; the request has no such level."""


class PlannedJob(BaseModel, defer_build=True):
    """A job to be submitted: its complete plan, what is said about it, and what it needs if that is known."""

    model_config = ConfigDict(frozen=True)

    varied: dict[str, JsonValue] = Field(description="What distinguishes it from the other jobs of its grid.")
    plan: TrainingPlan
    labels: Labels = NO_LABELS
    estimated_bytes: int | None = Field(default=None, description="Of memory.")
    estimated_s: float | None = Field(default=None, description="Of training, on the machine of the formula.")


Planner = Callable[[JobRequest], TrainingPlan]
"""Makes the plan of one request; raises `RequestInvalid` if it cannot work."""


def plan_grid(body: GridRequest, plan: Planner) -> list[PlannedJob]:
    """Plan every combination; the last field of the grid varies fastest.

    If neither the request nor the grid has a seed, one is drawn for all jobs, so that settings are compared on the same
    split.

    Args:
        body: the request as it was sent.
        plan: makes the plan of one combination.

    Raises:
        RequestInvalid: too many jobs, overlapping fields, equal jobs, or a combination that is invalid or cannot work;
            the message names the combination.
    """
    _check_grid(body.grid, body.random)
    base: dict[str, JsonValue] = dict(body.model_extra or {})
    if base.get("seed") is None and "seed" not in body.grid:
        base["seed"] = secrets.randbelow(2**31)
    jobs: list[PlannedJob] = []
    seen: dict[str, Mapping[str, JsonValue]] = {}
    for varied in _combinations(body.grid) if body.random is None else drawn(body.grid, body.random):
        planned, labels = _planned(base, body.grid, varied, plan)
        twin = seen.setdefault(planned.model_dump_json(), varied)
        if twin is not varied:
            raise RequestInvalid(
                ("grid",), f"two combinations are the same job: {described(twin)}; and {described(varied)}"
            )
        jobs.append(PlannedJob(varied=varied, plan=planned, labels=labels))
    return jobs


def described(varied: Mapping[str, JsonValue]) -> str:
    """A combination as text: `overrides.activation="relu", seed=1`."""
    return ", ".join(f"{path}={json.dumps(value, ensure_ascii=False)}" for path, value in varied.items())


def _check_grid(grid: Grid, random: RandomSearch | None) -> None:
    lists = {path: values for path, values in grid.items() if not isinstance(values, ValueRange)}
    if random is None:
        for path in grid.keys() - lists.keys():
            raise RequestInvalid(("grid", path), "a range has no values to combine; expected a list, or `random`")
        n_jobs = math.prod(map(len, lists.values()))
        if n_jobs > MAX_JOBS:
            sizes = " x ".join(str(len(values)) for values in lists.values())
            raise RequestInvalid(("grid",), f"too many jobs; expected at most {MAX_JOBS}, got {sizes} = {n_jobs:,}")
    for path, other in itertools.permutations(grid, 2):
        if other.startswith(path + "."):
            raise RequestInvalid(("grid", other), f"it is part of {path!r}, which the grid also varies")
    for path in grid:
        if len(path.split(".")) > MAX_PATH_STEPS:
            raise RequestInvalid(("grid", path), f"no field is that deep; expected at most {MAX_PATH_STEPS} steps")
    for path, values in lists.items():
        if len({json.dumps(value, sort_keys=True) for value in values}) < len(values):
            raise RequestInvalid(("grid", path), "a value appears twice; expected each value once")


def _combinations(grid: Grid) -> Iterator[dict[str, JsonValue]]:
    for values in itertools.product(*(values for values in grid.values() if not isinstance(values, ValueRange))):
        yield dict(zip(grid, values, strict=True))


def _planned(
    base: Mapping[str, JsonValue],
    grid: Grid,
    varied: Mapping[str, JsonValue],
    plan: Planner,
) -> tuple[TrainingPlan, Labels]:
    body = copy.deepcopy(dict(base))
    try:
        parts = {path: value for path, value in varied.items() if path.startswith(NAMED_FIELDS)}
        for path, value in varied.items():
            if path not in parts:
                _put(body, path, value)
        for field in {path.partition(".")[0] for path in parts} - {*varied}:
            if (named := _named_by_default(body, field, plan)) is not None and f"{field}.name" not in varied:
                body[field] = named
        for path, value in parts.items():
            _put(body, path, value)
        request = JobRequest.model_validate(body)
        return plan(request), labels_of(request)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        loc, message = without_union_tags(first["loc"]), message_of(first)
    except RequestInvalid as error:
        loc, message = error.loc, error.message
    raise RequestInvalid(_path_in_request(loc, grid, varied), f"{message} (in the combination {described(varied)})")


def _named_by_default(body: Mapping[str, JsonValue], field: str, plan: Planner) -> dict[str, JsonValue] | None:
    """The optimizer or schedule that a job has without naming it; None where the request names one itself.

    Without a name, `optimizer.learning_rate` alone would be no optimizer.
    """
    given = body.get(field) or {}
    if not isinstance(given, dict) or "name" in given:
        return None
    default: dict[str, JsonValue] = plan(JobRequest.model_validate({**body, field: None})).model_dump(mode="json")[
        field
    ]
    return {**default, **given}


def _put(body: dict[str, JsonValue], path: str, value: JsonValue) -> None:
    """Set one field. Missing objects on the path are created, and a name that is short for an object becomes one."""
    *steps, last = path.split(".")
    holder: Any = body
    for step in steps:
        key: Any = _key(holder, step, path)
        found = holder[key] if isinstance(holder, list) else holder.get(key)
        if isinstance(found, str):
            found = {"name": found}  # as `"optimizer": "sgd"` is short for `{"name": "sgd"}`
        elif not isinstance(found, dict | list):
            found = {}
        holder[key] = found
        holder = found
    holder[_key(holder, last, path)] = copy.deepcopy(value)


def _key(holder: dict[str, JsonValue] | list[JsonValue], step: str, path: str) -> str | int:
    if isinstance(holder, dict):
        return step
    if step.isdecimal() and int(step) < len(holder):
        return int(step)
    raise RequestInvalid(
        ("grid", path), f"there is no such entry; expected a number from 0 to {len(holder) - 1}, got {step!r}"
    )


def _path_in_request(loc: tuple[str | int, ...], grid: Grid, varied: Mapping[str, JsonValue]) -> tuple[str | int, ...]:
    """Path of the fault in the client's JSON: a value of the grid if that is at fault, else a field of the request."""
    if loc[:1] == ("grid",):
        return loc
    for path, value in varied.items():
        steps = tuple(path.split("."))
        at_fault = tuple(map(str, loc))
        if at_fault[: len(steps)] == steps:
            values = grid[path]
            place = () if isinstance(values, ValueRange) else (values.index(value),)
            return ("grid", path, *place, *loc[len(steps) :])
    return loc
