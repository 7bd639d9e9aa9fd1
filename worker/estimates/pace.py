"""How long a training takes: from trainings of the past where there are any, else from one measured machine.

A step costs a fixed time and a time for its arithmetic. How far that holds is seen in the past: the ratio of what a
run took to what the formula says. The same network's ratio tells most, other networks' on the same kind of device tell
something, and without either the formula stands alone, with a wide range.
"""

from collections.abc import Sequence
from statistics import median

from pydantic import BaseModel, ConfigDict, Field

STEP_S = 0.0015
FLOPS_PER_S = 40e9
"""Measured on 2 cores of an Intel Xeon: with these two constants, `lenet5-fashion`, `cnn` and `cnn-wide` in their own
recipes come within factors of 0.93, 1.03 and 1.68."""
FIRST_STEP_S = 1.0  # tracing, before the first step is done
TRAINING_FLOPS = 3  # of a picture's in inference: forward once, and back through inputs and through weights
SAME_NETWORK_FACTOR, OTHER_NETWORKS_FACTOR, NO_RUNS_FACTOR = 1.5, 2.5, 4.0
"""Ranges reach at least this factor up and down."""
RUNS_USED = 5


class Workload(BaseModel):
    """What a training has to do."""

    model_config = ConfigDict(frozen=True)

    flops: int = Field(description="For one picture in inference.")
    batch_size: int
    epochs: int
    training_pictures: int
    validation_pictures: int

    @property
    def steps_per_epoch(self) -> int:
        """Batches of one epoch, the last one perhaps smaller."""
        return -(-self.training_pictures // self.batch_size)

    @property
    def formula_seconds(self) -> float:
        """What the formula says, for the machine that it was measured on."""
        validation_steps = -(-self.validation_pictures // self.batch_size)
        pictures = TRAINING_FLOPS * self.training_pictures + self.validation_pictures
        epoch = (self.steps_per_epoch + validation_steps) * STEP_S + pictures * self.flops / FLOPS_PER_S
        return FIRST_STEP_S + self.epochs * epoch


class PastRun(BaseModel):
    """A training that has been, and how long its `fit` took."""

    model_config = ConfigDict(frozen=True)

    network: str = Field(description="Equal for equal networks on equal pictures.")
    device: str = Field(description="`cpu` or `gpu`.")
    workload: Workload
    fit_seconds: float


class TimeEstimate(BaseModel):
    """Seconds of training, validation included; reading data, evaluation and publishing come on top."""

    model_config = ConfigDict(frozen=True)

    seconds: float
    low: float = Field(description="It will hardly be faster than this.")
    high: float = Field(description="It will hardly take longer than this, on a machine with nothing else to do.")
    basis: str = Field(description="What the estimate rests on.")
    runs: int = Field(description="How many past trainings it rests on.")


def estimate_time(network: str, workload: Workload, past: Sequence[PastRun]) -> TimeEstimate:
    """Seconds that `fit` will take on the kind of device that trained last.

    Args:
        network: as in `PastRun`.
        workload: what there is to do.
        past: trainings of the past, newest first.
    """
    here = [run for run in past if run.device == past[0].device]
    same = [run for run in here if run.network == network][:RUNS_USED]
    if same:
        word = "training" if len(same) == 1 else "trainings"
        return _scaled(workload, same, SAME_NETWORK_FACTOR, f"{len(same)} {word} of this network on {here[0].device}")
    if here:
        word = "training" if len(here) == 1 else "trainings"
        return _scaled(workload, here, OTHER_NETWORKS_FACTOR, f"{len(here)} {word} of others on {here[0].device}")
    seconds = workload.formula_seconds
    basis = "a constant measured on 2 cores without a GPU; nothing has been trained here yet"
    return TimeEstimate(
        seconds=seconds, low=seconds / NO_RUNS_FACTOR, high=seconds * NO_RUNS_FACTOR, basis=basis, runs=0
    )


def _scaled(workload: Workload, runs: Sequence[PastRun], factor: float, basis: str) -> TimeEstimate:
    ratios = [run.fit_seconds / run.workload.formula_seconds for run in runs]
    middle = median(ratios)
    formula = workload.formula_seconds
    return TimeEstimate(
        seconds=formula * middle,
        low=formula * min(*ratios, middle / factor),
        high=formula * max(*ratios, middle * factor),
        basis=basis,
        runs=len(runs),
    )
