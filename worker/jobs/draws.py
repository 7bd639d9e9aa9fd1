"""Random search: some combinations of a grid instead of all, also from ranges of numbers.

With the same seed the same combinations are drawn. Knows values, and no fields.
"""

import json
import math
import random
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

MOST_DRAWN = 100
TRIES = 20
"""Draws for each job that is wanted, before the others count as already drawn."""
DIGITS = 4
"""Significant digits of a number that is drawn: more would say nothing, and be hard to read."""


class ValueRange(BaseModel, defer_build=True):
    """Numbers to draw from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float = Field(description="The lowest value.", examples=[0.0001])
    high: float = Field(description="The highest value.", examples=[0.1])
    scale: Literal["linear", "log"] = Field(
        default="linear", description="`log`: every order of magnitude is equally likely, as for learning rates."
    )
    integer: bool = Field(default=False, description="Draw whole numbers.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError("`low` is not below `high`")
        if self.scale == "log" and self.low <= 0:
            raise ValueError("`low` is not positive, which a log scale needs")
        return self

    def draw(self, source: random.Random) -> float | int:
        """One value."""
        if self.scale == "log":
            value = math.exp(source.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = source.uniform(self.low, self.high)
        value = min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)
        return round(value) if self.integer else value


class RandomSearch(BaseModel, defer_build=True):
    """How many combinations to draw."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jobs: int = Field(ge=1, le=MOST_DRAWN, description="Combinations to draw, each a job.", examples=[20])
    seed: int | None = Field(default=None, ge=0, lt=2**31, description="Of the draws. Default: a random one.")

    @model_validator(mode="before")
    @classmethod
    def _expand_number(cls, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        return {"jobs": value} if type(value) is int else value


def drawn(grid: Mapping[str, Sequence[JsonValue] | ValueRange], search: RandomSearch) -> Iterator[dict[str, JsonValue]]:
    """Different combinations; fewer than wanted if the grid has no more."""
    source = random.Random(secrets.randbelow(2**31) if search.seed is None else search.seed)
    seen: set[str] = set()
    for _ in range(TRIES * search.jobs):
        combination: dict[str, JsonValue] = {
            path: values.draw(source) if isinstance(values, ValueRange) else source.choice(values)
            for path, values in grid.items()
        }
        key = json.dumps(combination, sort_keys=True)
        if key not in seen:
            seen.add(key)
            yield combination
        if len(seen) == search.jobs:
            return
