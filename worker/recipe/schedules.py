"""How the learning rate changes during a training: one formula per schedule, for the trainer and for its curve.

A schedule gives the fraction of the optimizer's learning rate at a moment, counted in epochs. The formulas take the
module they calculate with as an argument: `numpy` for the curve, `keras.ops` for training. So the two cannot disagree.
"""

import math
from typing import Annotated, Any, Literal, Protocol, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

WARMUP_START = 0.01  # a warm-up does not begin at 0: the first step would change nothing
CURVE_POINTS = 200


class Arithmetic(Protocol):
    """The functions that the formulas need, from `numpy` or `keras.ops`; they take and return numbers or tensors."""

    cos: Any
    floor: Any
    maximum: Any
    minimum: Any
    power: Any
    where: Any


class _Schedule(BaseModel, defer_build=True):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def fraction(self, at: Any, epochs: int, xp: Arithmetic) -> Any:  # noqa: ANN401 - a number or a tensor
        """The fraction of the optimizer's learning rate at a moment.

        Args:
            at: epochs done, in [0, epochs), with a fraction within an epoch.
            epochs: number of epochs of the whole training.
            xp: the module to calculate with, `numpy` or `keras.ops`.
        """
        raise NotImplementedError


class _WarmedUp(_Schedule):
    warmup: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the training in which the rate rises linearly to its full value."
    )

    def fraction(self, at: Any, epochs: int, xp: Arithmetic) -> Any:  # noqa: ANN401
        """See `_Schedule`."""
        after = self._after_warmup(at, epochs, xp)
        if not self.warmup:
            return after
        risen = xp.minimum(at / (self.warmup * epochs), 1.0)
        return after * (WARMUP_START + (1 - WARMUP_START) * risen)

    def _after_warmup(self, at: Any, epochs: int, xp: Arithmetic) -> Any:  # noqa: ANN401
        raise NotImplementedError

    def _descent(self, at: Any, epochs: int, xp: Arithmetic) -> Any:  # noqa: ANN401
        """Share of the training after the warm-up that is done, from 0 to 1."""
        begin = self.warmup * epochs
        return xp.maximum(at - begin, 0.0) / (epochs - begin)


class Constant(_WarmedUp):
    """The same rate from the first step to the last."""

    name: Literal["constant"] = "constant"

    def _after_warmup(self, at: Any, epochs: int, xp: Arithmetic) -> Any:  # noqa: ANN401
        return xp.maximum(at * 0 + 1.0, 1.0)


class Step(_WarmedUp):
    """The rate falls by a factor every few epochs."""

    name: Literal["step"] = "step"
    every_epochs: int | None = Field(default=None, ge=1, description="Default: a third of the epochs.")
    factor: float = Field(default=0.1, gt=0, lt=1, description="What the rate is multiplied by.")

    def _after_warmup(self, at: Any, epochs: int, xp: Arithmetic) -> Any:  # noqa: ANN401
        # The small addend puts the first step of an epoch into that epoch, whatever the rounding of the division.
        return xp.power(self.factor, xp.floor(at / (self.every_epochs or _third(epochs)) + 1e-5))


class Exponential(_WarmedUp):
    """The rate falls by the same factor at every step."""

    name: Literal["exponential"] = "exponential"
    final_fraction: float = Field(default=0.01, gt=0, lt=1, description="Fraction of the rate at the last step.")

    def _after_warmup(self, at: Any, epochs: int, xp: Arithmetic) -> Any:  # noqa: ANN401
        return xp.power(self.final_fraction, self._descent(at, epochs, xp))


class Cosine(_WarmedUp):
    """The rate follows half a cosine down from its full value, after a short warm-up (Loshchilov and Hutter, 2017)."""

    name: Literal["cosine"] = "cosine"
    warmup: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="Share of the training in which the rate rises linearly to its full value.",
    )
    final_fraction: float = Field(default=0.0, ge=0, lt=1, description="Fraction of the rate at the last step.")

    def _after_warmup(self, at: Any, epochs: int, xp: Arithmetic) -> Any:  # noqa: ANN401
        return _half_cosine(1.0, self.final_fraction, self._descent(at, epochs, xp), xp)


class OneCycle(_Schedule):
    """The rate rises to its full value, then falls to almost zero (Smith and Topin, 2018).

    The defaults are those of fastai and PyTorch.
    """

    name: Literal["one_cycle"] = "one_cycle"
    peak_at: float = Field(default=0.3, gt=0, lt=1, description="Share of the training at which the rate is highest.")
    initial_fraction: float = Field(default=0.04, ge=0, le=1, description="Fraction of the rate at the first step.")
    final_fraction: float = Field(default=4e-6, ge=0, lt=1, description="Fraction of the rate at the last step.")
    shape: Literal["cosine", "linear"] = Field(default="cosine", description="How the rate rises and falls.")

    def fraction(self, at: Any, epochs: int, xp: Arithmetic) -> Any:  # noqa: ANN401
        """See `_Schedule`."""
        peak = self.peak_at * epochs
        blend = _half_cosine if self.shape == "cosine" else _line
        rising = blend(self.initial_fraction, 1.0, at / peak, xp)
        falling = blend(1.0, self.final_fraction, (at - peak) / (epochs - peak), xp)
        return xp.where(at < peak, rising, falling)


Schedule = Annotated[Constant | Step | Exponential | Cosine | OneCycle, Field(discriminator="name")]
ScheduleName = Literal["constant", "step", "exponential", "cosine", "one_cycle"]
SCHEDULE_NAMES = frozenset(get_args(ScheduleName))
"""Tags that pydantic inserts after `learning_rate_schedule` in an error's path; the request has no such level."""


class CurvePoint(BaseModel, defer_build=True):
    """The learning rate at one step."""

    model_config = ConfigDict(frozen=True)

    epoch: float = Field(description="Epochs done before this step, fractions included.")
    learning_rate: float


def filled_in(schedule: Schedule, epochs: int) -> Schedule:
    """The schedule with the default that depends on the length of the training."""
    if isinstance(schedule, Step) and schedule.every_epochs is None:
        return schedule.model_copy(update={"every_epochs": _third(epochs)})
    return schedule


def is_flat(schedule: Schedule) -> bool:
    """Whether the rate is the same at every step."""
    return isinstance(schedule, Constant) and not schedule.warmup


def rate(schedule: Schedule, learning_rate: float, step: int, epochs: int, steps_per_epoch: int) -> float:
    """The learning rate of one step, counted from 0 over the whole training."""
    return float(learning_rate * schedule.fraction(step / steps_per_epoch, epochs, _numpy))


def curve(
    schedule: Schedule, learning_rate: float, epochs: int, steps_per_epoch: int, points: int = CURVE_POINTS
) -> tuple[CurvePoint, ...]:
    """The learning rate over the whole training, at evenly spaced steps including the first and the last."""
    last = epochs * steps_per_epoch - 1
    steps = np.unique(np.linspace(0, last, min(points, last + 1)).round().astype(int))
    return tuple(
        CurvePoint(
            epoch=int(step) / steps_per_epoch,
            learning_rate=rate(schedule, learning_rate, int(step), epochs, steps_per_epoch),
        )
        for step in steps
    )


_numpy: Any = np


def _third(epochs: int) -> int:
    return max(1, round(epochs / 3))


def _half_cosine(start: float, end: float, done: Any, xp: Arithmetic) -> Any:  # noqa: ANN401
    return end + (start - end) * (1 + xp.cos(math.pi * done)) / 2


def _line(start: float, end: float, done: Any, xp: Arithmetic) -> Any:  # noqa: ANN401
    return start + (end - start) * done


def expand_name(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A schedule's name alone stands for the schedule with its defaults."""
    return {"name": value} if isinstance(value, str) else value
