"""How long a training takes, estimated from past trainings if there are any, else from one measured machine.

In the formula, a step costs a fixed time. A picture costs time for its arithmetic, and time for the values that every
layer reads from and writes to memory, where small networks spend most of their time. Past runs correct the formula by
the ratio of their measured time to the formula's. Runs of the same network are the best basis; runs of other networks
on the same kind of device come next; without any the formula is used alone, with a wide range.
"""

from collections.abc import Sequence
from statistics import median

from pydantic import BaseModel, ConfigDict, Field

STEP_S = 0.0015
FLOPS_PER_S = 200e9
NUMBERS_PER_S = 400e6
"""Measured in float32 on 2 cores of an Intel Xeon with AVX-512. `lenet5-fashion`, `cnn` and `cnn-wide` in their own
recipes later took 0.77, 0.65 and 0.80 of the formula's time on that machine while it was idle."""
FIRST_STEP_S = 1.0  # tracing before the first step
TRAINING_FACTOR = 3  # times a picture's work in inference: forward, and backward for inputs and for weights
SAME_NETWORK_FACTOR, OTHER_NETWORKS_FACTOR, NO_RUNS_FACTOR = 1.5, 2.5, 4.0
"""The range is at least this factor wide in each direction."""
HALF_PRECISION_GAIN = 3.0
"""How many times faster a training in 16 bits may be on hardware that supports it: on a processor with AMX, `fast` was
2.2 times and `fast-large` 3.7 times faster than the formula."""
RUNS_USED = 5


class Workload(BaseModel):
    """The work of a training."""

    model_config = ConfigDict(frozen=True)

    flops: int = Field(description="For one picture in inference.")
    outputs: int = Field(description="Output values of all layers for one picture.")
    is_float32: bool = Field(description="Nothing is calculated in 16 bits, on any hardware.")
    batch_size: int
    epochs: int
    training_pictures: int
    validation_pictures: int
    head_epochs: int = Field(default=0, description="Epochs that train only a head, on features computed once.")

    @property
    def steps_per_epoch(self) -> int:
        """Batches of one epoch; the last one may be smaller."""
        return -(-self.training_pictures // self.batch_size)

    @property
    def formula_seconds(self) -> float:
        """Seconds by the formula, for the machine on which it was measured."""
        pictures = TRAINING_FACTOR * self.training_pictures + self.validation_pictures
        picture_s = self.flops / FLOPS_PER_S + self.outputs / NUMBERS_PER_S
        epoch_s = self.steps_per_epoch * STEP_S + pictures * picture_s  # validation takes few, large steps
        if not self.head_epochs:
            return FIRST_STEP_S + self.epochs * epoch_s
        features_s = (self.training_pictures + self.validation_pictures) * picture_s
        head_s = FIRST_STEP_S + features_s + self.head_epochs * self.steps_per_epoch * STEP_S
        return FIRST_STEP_S + head_s + (self.epochs - self.head_epochs) * epoch_s


class PastRun(BaseModel):
    """A past training, and how long its `fit` took."""

    model_config = ConfigDict(frozen=True)

    network: str = Field(description="Equal for equal networks on equal pictures.")
    device: str = Field(description="`cpu` or `gpu`.")
    workload: Workload
    fit_seconds: float


class TimeEstimate(BaseModel):
    """Seconds of training, including validation; reading data, evaluation and publishing come on top."""

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
        workload: the work of this training.
        past: past trainings, newest first.
    """
    here = [run for run in past if run.device == past[0].device]
    same = [run for run in here if run.network == network][:RUNS_USED]
    akin = [run for run in here if run.workload.is_float32 == workload.is_float32]
    if same:
        return _scaled(workload, same, SAME_NETWORK_FACTOR, f"{_counted(same)} of this network on {here[0].device}")
    if akin:
        return _scaled(workload, akin, OTHER_NETWORKS_FACTOR, f"{_counted(akin)} of others on {here[0].device}")
    if here:
        factor = OTHER_NETWORKS_FACTOR * HALF_PRECISION_GAIN
        return _scaled(workload, here, factor, f"{_counted(here)} in another precision on {here[0].device}")
    seconds = workload.formula_seconds
    factor = NO_RUNS_FACTOR if workload.is_float32 else NO_RUNS_FACTOR * HALF_PRECISION_GAIN
    basis = "a constant measured on 2 cores without a GPU; nothing has been trained here yet"
    return TimeEstimate(seconds=seconds, low=seconds / factor, high=seconds * factor, basis=basis, runs=0)


def _counted(runs: Sequence[PastRun]) -> str:
    return "1 training" if len(runs) == 1 else f"{len(runs)} trainings"


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
