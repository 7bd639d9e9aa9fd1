"""How long a training takes, estimated from past trainings if there are any, else from one measured machine.

In the formula, a step costs a fixed time. A picture costs time for its arithmetic, and time for the values that every
layer reads from and writes to memory, where small networks spend most of their time. Past runs correct the formula by
the ratio of their measured time to the formula's: of an epoch after the first, where there was one, since what the
first costs besides has little to do with the work. Runs of the same network are the best basis; runs of other networks
on the same processor come next; without any the formula is used alone, with a wide range.

By the formula, several GPUs share the pictures of a step evenly, and virtual devices, which share one processor, gain
nothing. Past runs on the same number of devices are preferred. From runs on another number the time is calculated, and
the range includes that the devices gain nothing.
"""

from collections.abc import Sequence
from statistics import median
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

STEP_S = 0.0015
FLOPS_PER_S = 200e9
NUMBERS_PER_S = 400e6
"""Measured in float32 on 2 cores of an Intel Xeon with AVX-512. `lenet5-fashion`, `cnn` and `cnn-wide` in their own
recipes later took 0.77, 0.65 and 0.80 of the formula's time on that machine while it was idle."""
FIRST_STEP_S = 1.0  # tracing before the first step
TRAINING_FACTOR = 3  # times a picture's work in inference: forward, and backward for inputs and for weights
SAME_NETWORK_FACTOR, OTHER_NETWORKS_FACTOR, NO_RUNS_FACTOR = 1.5, 1.9, 4.0
"""The range is at least this factor wide in each direction. On the machine of the formula, epochs took 0.66 to 0.80 of
its time in float32 (`lenet5-fashion`, `cnn`, `cnn-wide`) and 0.18 to 0.26 in bfloat16 with AMX (`fast`, `fast-large`):
within a precision, one network tells the time of another to a factor of 1.5."""
HALF_PRECISION_GAIN = 3.0
"""How many times faster a training in 16 bits may be, where nothing is known about the hardware."""
HALF_PRECISION_GAINS = {"cpu": 3.2, "gpu": 1.7}
"""The same on hardware on which `auto` is known to be 16 bits, by device: by the figures above 2.5 to 4.5 times on a
processor with AMX; on a GPU it was not measured."""
AMD_GAIN = 1.3
"""On a processor of AMD with AVX-512's bfloat16: 1.2 for `fast`, 1.3 for `cnn-wide`, 1.5 for `fast-large`."""
RUNS_USED = 5
VIRTUAL_FACTOR = 4.0
"""How many times longer a training may take on two virtual devices, which wait for each other in every step.
Epochs of 600 pictures took 2.8 (`lenet5-fashion`) and 3.9 times (`cnn`) as long as on one, on two busy cores."""


class Workload(BaseModel, defer_build=True):
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
    devices: int = Field(default=1, description="Devices that share every batch.")
    gain: float = Field(default=1.0, description="How many times faster they are than one of them, by the formula.")

    def on_devices(self, number: int, kind: str | None) -> Self:
        """The same work shared by devices.

        Args:
            number: of them.
            kind: `gpu`, or `cpu` for parts of one processor; None when nothing has been trained here yet.
        """
        return self.model_copy(update={"devices": number, "gain": float(number) if kind == "gpu" else 1.0})

    @property
    def steps_per_epoch(self) -> int:
        """Batches of one epoch; the last one may be smaller."""
        return -(-self.training_pictures // self.batch_size)

    @property
    def picture_s(self) -> float:
        """Seconds for a picture in inference, by the formula."""
        return self.flops / FLOPS_PER_S + self.outputs / NUMBERS_PER_S

    @property
    def epoch_s(self) -> float:
        """Seconds for an epoch of the whole network, by the formula."""
        pictures = TRAINING_FACTOR * self.training_pictures + self.validation_pictures
        return self.steps_per_epoch * STEP_S + pictures * self.picture_s / self.gain  # validation: few, large steps

    @property
    def formula_seconds(self) -> float:
        """Seconds by the formula, for the machine on which it was measured."""
        if not self.head_epochs:
            return FIRST_STEP_S + self.epochs * self.epoch_s
        features_s = (self.training_pictures + self.validation_pictures) * self.picture_s
        head_s = FIRST_STEP_S + features_s + self.head_epochs * self.steps_per_epoch * STEP_S
        return FIRST_STEP_S + head_s + (self.epochs - self.head_epochs) * self.epoch_s


class PastRun(BaseModel, defer_build=True):
    """A past training, and how long its `fit` took."""

    model_config = ConfigDict(frozen=True)

    network: str = Field(description="Equal for equal networks on equal pictures.")
    device: str = Field(description="`cpu` or `gpu`.")
    workload: Workload
    fit_seconds: float
    epoch_seconds: float | None = Field(default=None, description="Of an epoch after the first, if there was one.")
    processor: str = Field(default="", description="Its name and cores; empty if it is not known.")
    auto_precision: str | None = Field(default=None, description="What the precision `auto` is there, if it is known.")

    @property
    def ratio(self) -> float:
        """Its time by the formula's."""
        if self.epoch_seconds is not None:
            return self.epoch_seconds / self.workload.epoch_s
        return self.fit_seconds / self.workload.formula_seconds

    @property
    def extra_s(self) -> float:
        """What the first epoch takes longer than the others, as far as it is known."""
        if self.epoch_seconds is None:
            return FIRST_STEP_S * self.ratio
        return max(0.0, self.fit_seconds - self.workload.epochs * self.epoch_seconds)


class TimeEstimate(BaseModel, defer_build=True):
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
    here = runs_here(past)
    same = _nearest([run for run in here if run.network == network], workload.devices)
    akin = _nearest([run for run in here if run.workload.is_float32 == workload.is_float32], workload.devices)
    if same:
        return _scaled(workload, same, SAME_NETWORK_FACTOR, f"{_counted(same)} of this network")
    if akin:
        return _scaled(workload, akin, OTHER_NETWORKS_FACTOR, f"{_counted(akin)} of others")
    if here:
        basis = f"{_counted(here)} in another precision"
        if here[0].auto_precision is None:
            return _scaled(workload, here, OTHER_NETWORKS_FACTOR * HALF_PRECISION_GAIN, basis)
        gain = _half_precision_gain(here[0])
        return _scaled(workload, here, OTHER_NETWORKS_FACTOR, basis, gain if workload.is_float32 else 1 / gain)
    return _without_runs(workload)


def _half_precision_gain(run: PastRun) -> float:
    """How many times faster 16 bits are where a past training ran, if `auto` is 16 bits there."""
    if run.device == "cpu" and "AMD" in run.processor:
        return AMD_GAIN
    return HALF_PRECISION_GAINS.get(run.device, 1.0)


def _without_runs(workload: Workload) -> TimeEstimate:
    """By the formula alone. Several devices may be GPUs that share the work, or parts of one processor."""
    seconds = workload.formula_seconds
    factor = NO_RUNS_FACTOR if workload.is_float32 else NO_RUNS_FACTOR * HALF_PRECISION_GAIN
    basis = "a constant measured on 2 cores without a GPU; nothing has been trained here yet"
    if workload.devices > 1:
        basis += f", and what {workload.devices} devices gain is not known"
    low, high = seconds / factor / workload.devices, seconds * factor
    return TimeEstimate(seconds=seconds, low=low, high=high, basis=basis, runs=0)


def runs_here(past: Sequence[PastRun]) -> list[PastRun]:
    """Those of the past trainings, newest first, that ran on what trained last."""
    return [run for run in past if (run.device, run.processor) == (past[0].device, past[0].processor)]


def _nearest(runs: Sequence[PastRun], devices: int) -> Sequence[PastRun]:
    """The newest on the same number of devices, or of all where there are none."""
    return ([run for run in runs if run.workload.devices == devices] or runs)[:RUNS_USED]


def _counted(runs: Sequence[PastRun]) -> str:
    return "1 training" if len(runs) == 1 else f"{len(runs)} trainings"


def _scaled(
    workload: Workload, runs: Sequence[PastRun], factor: float, basis: str, slower: float = 1.0
) -> TimeEstimate:
    """The formula's time, corrected by past runs whose precision makes them faster by the factor `slower`."""
    ratios = [run.ratio * slower for run in runs]
    middle = median(ratios)
    extra_s = median(run.extra_s for run in runs)
    work_s = workload.formula_seconds - FIRST_STEP_S
    less, more, said = _sharing(workload, runs)
    low, high = min(*ratios, middle / factor) * less, max(*ratios, middle * factor) * more
    return TimeEstimate(
        seconds=extra_s + work_s * middle,
        low=extra_s * low / middle + work_s * low,
        high=extra_s * high / middle + work_s * high,
        basis=f"{basis} on {runs[0].device}{said}",
        runs=len(runs),
    )


def _sharing(workload: Workload, runs: Sequence[PastRun]) -> tuple[float, float, str]:
    """How the number of devices widens the range, as factors of its two ends, and what the basis says about it."""
    numbers = {run.workload.devices for run in runs}
    told = "1 device" if workload.devices == 1 else f"{workload.devices} devices"
    if numbers == {workload.devices}:
        return 1.0, 1.0, "" if workload.devices == 1 else f", with {told}"
    if runs[0].device != "gpu":
        less, more = (1.0, VIRTUAL_FACTOR) if workload.devices > min(numbers) else (1 / VIRTUAL_FACTOR, 1.0)
        return less, more, f", calculated for {told} of one processor"
    gains = [run.workload.gain for run in runs]
    less, more = min(1.0, workload.gain / max(gains)), max(1.0, workload.gain / min(gains))
    return less, more, f", calculated for {told} as if GPUs shared the work evenly"
