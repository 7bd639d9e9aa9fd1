"""How long a training takes: from trainings of the past where there are any, else from one measured machine.

A step costs a fixed time, and a picture a time for its arithmetic and one for its numbers, which every layer reads from
memory and writes to it: small networks spend most of theirs on that. How far that holds is seen in the past: the ratio
of what a run took to what the formula says. The same network's ratio tells most, other networks' on the same kind of
device tell something, and without either the formula stands alone, with a wide range.
"""

from collections.abc import Sequence
from statistics import median

from pydantic import BaseModel, ConfigDict, Field

STEP_S = 0.0015
FLOPS_PER_S = 200e9
NUMBERS_PER_S = 400e6
"""Measured in float32 on 2 cores of an Intel Xeon with AVX-512. `lenet5-fashion`, `cnn` and `cnn-wide` in their own
recipes have since taken 0.77, 0.65 and 0.80 of what the formula says on that machine when it was quiet."""
FIRST_STEP_S = 1.0  # tracing, before the first step is done
TRAINING_FACTOR = 3  # of a picture's work in inference: forward once, and back through inputs and through weights
SAME_NETWORK_FACTOR, OTHER_NETWORKS_FACTOR, NO_RUNS_FACTOR = 1.5, 2.5, 4.0
"""Ranges reach at least this factor up and down."""
HALF_PRECISION_GAIN = 3.0
"""How many times sooner a training in 16 bits may be over, where the hardware has them: on a processor with AMX `fast`
was 2.2 times sooner than the formula says, `fast-large` 3.7 times."""
RUNS_USED = 5


class Workload(BaseModel):
    """What a training has to do."""

    model_config = ConfigDict(frozen=True)

    flops: int = Field(description="For one picture in inference.")
    outputs: int = Field(description="Numbers that all layers put out for one picture.")
    is_float32: bool = Field(description="Not even partly in 16 bits, whatever the hardware has.")
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
        pictures = TRAINING_FACTOR * self.training_pictures + self.validation_pictures
        picture_s = self.flops / FLOPS_PER_S + self.outputs / NUMBERS_PER_S
        epoch_s = self.steps_per_epoch * STEP_S + pictures * picture_s  # validation takes few and large steps
        return FIRST_STEP_S + self.epochs * epoch_s


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
