"""Records a training's film: a Keras callback that looks at the network after a few epochs.

It may cost 2 % of `fit`. The network is called directly, since compiling it once more takes half a second, and on as
many validation pictures as the length of the training allows. Measured with `lenet5-fashion` in processor time: 0.08 s
for the first frame, and then 0.03 s with 60 pictures and 0.06 s with 300. By these figures ten epochs of the sample,
which take 19 s, spend 1.0 % on their five frames, as `benchmarks/film.py` confirms; only trainings of less than eight
seconds spend more than 2 %.
"""

import math
import time
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from worker.datasets import Dataset
from worker.jobs.plan import TrainingPlan
from worker.pictures.pixels import to_unit_range
from worker.reports.confusion import confusion_of
from worker.reports.film import (
    MOST_KERNELS,
    Film,
    FilmPicture,
    Kernel,
    frames_within,
    is_filmed,
    pictures_shown,
    rounded,
)
from worker.training.network import pictures_at_once
from worker.training.parallel.devices import replicas_of
from worker.training.splits import Split

SHARE = 0.01
"""Of the pictures of the whole training: half of what the film may cost. Called directly, a network takes as long to
answer for a picture as a compiled training step takes to learn from it."""
MOST_PARAMETERS_COPIED = 2_000_000
"""Of a larger network the first frame is recorded before the first step. The others keep a copy of their first weights,
and record it after the first epoch: the first step comes 0.05 s sooner."""
FEWEST_JUDGED, MOST_JUDGED = 50, 300
"""Validation pictures per frame: enough to see which classes are taken for which."""


@dataclass(frozen=True)
class _Frame:
    epoch: int
    kernels: tuple[Kernel, ...]
    shown: NDArray[np.float32]
    confusion: tuple[tuple[int, ...], ...]


class FilmRecorder(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Records frames. Runs before `SwapEMAWeights`, as `BestEpoch` does, to see the weights that are validated.

    Args:
        plan: the training plan.
        dataset: some of its test pictures are shown to the network.
        validation: some of its pictures are judged.
        n_train: pictures per epoch.
    """

    def __init__(self, plan: TrainingPlan, dataset: Dataset, validation: Split, n_train: int) -> None:
        super().__init__()
        self._classes = dataset.info.classes
        self._indices = pictures_shown(dataset.test_labels)
        self._labels = [self._classes[label] for label in dataset.test_labels[self._indices]]
        rows = _spread(len(validation), _n_judged(plan, n_train))
        self._truth = validation.targets[rows].argmax(axis=1)
        self._inputs = np.concatenate([to_unit_range(dataset.test_images[self._indices]), validation.some(rows)])
        self._epoch = 0
        self._untrained: _Untrained | None = None
        self._frames: dict[int, _Frame] = {}
        self.seconds = 0.0
        """Processor time that recording has taken so far."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the network before its first step, and which epoch the next validation belongs to."""
        if epoch == 0 and int(np.array(self.model.optimizer.iterations)) == 0:  # not resumed within the first epoch
            if self.model.count_params() > MOST_PARAMETERS_COPIED or replicas_of(self.model) > 1:
                self._record(self.model, 0)
            else:
                self._untrained = _Untrained(self.model)
        self._epoch = epoch + 1

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Record the validated network if this epoch is a frame."""
        self._record_untrained()
        if is_filmed(self._epoch):
            self._record(self.model, self._epoch)

    def film(self, network: keras.Model, published_epoch: int) -> Film:
        """The film, with the published network as the frame of its epoch."""
        self._record_untrained()
        if published_epoch not in self._frames:
            self._record(network, published_epoch)
        frames = [self._frames[epoch] for epoch in sorted(self._frames)]
        return Film(
            epochs=tuple(frame.epoch for frame in frames),
            kernels=tuple(frame.kernels for frame in frames),
            pictures=tuple(
                FilmPicture(
                    index=int(index), label=label, probabilities=tuple(rounded(frame.shown[row]) for frame in frames)
                )
                for row, (index, label) in enumerate(zip(self._indices, self._labels, strict=True))
            ),
            confusion=tuple(frame.confusion for frame in frames),
            classes=self._classes,
        )

    def _record_untrained(self) -> None:
        """Record the network before its first step, which would have waited for it."""
        if self._untrained is not None:
            untrained, self._untrained = self._untrained, None
            self._record(untrained, 0)

    def _record(self, network: "keras.Model | _Untrained", epoch: int) -> None:
        began = time.process_time()
        probabilities = _answers(network, self._inputs)
        n_shown = len(self._indices)
        self._frames[epoch] = _Frame(
            epoch,
            network.kernels if isinstance(network, _Untrained) else _first_kernels(network),
            probabilities[:n_shown],
            confusion_of(self._truth, probabilities[n_shown:].argmax(axis=1), len(self._classes)),
        )
        self.seconds += time.process_time() - began


class _Untrained:
    """A network as it was before its first step.

    Attributes:
        kernels: of its first convolution.
        at_once: pictures that it takes at once.
    """

    def __init__(self, network: keras.Model) -> None:
        self.kernels = _first_kernels(network)
        self.at_once = pictures_at_once(network)
        self._network = network
        self._values = [
            [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
            for variables in (network.trainable_variables, network.non_trainable_variables)
        ]

    def __call__(self, inputs: NDArray[np.float32], *, training: bool) -> Any:
        """The answers that it gave then."""
        return self._network.stateless_call(*self._values, inputs, training=training)[0]


def _n_judged(plan: TrainingPlan, n_train: int) -> int:
    """How many validation pictures each frame judges."""
    affordable = int(SHARE * plan.epochs * n_train / frames_within(plan.epochs))
    return max(FEWEST_JUDGED, min(MOST_JUDGED, affordable))


def _spread(n: int, wanted: int) -> NDArray[np.int64]:
    """Indices of some of n pictures, evenly spaced: a split may be in the order of its classes."""
    return np.unique(np.linspace(0, n - 1, min(n, wanted)).round().astype(np.int64))


def _answers(network: "keras.Model | _Untrained", inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    at_once = network.at_once if isinstance(network, _Untrained) else pictures_at_once(network)
    parts = [
        keras.ops.convert_to_numpy(network(inputs[start : start + at_once], training=False))
        for start in range(0, len(inputs), at_once)
    ]
    return np.concatenate(parts).astype(np.float32)


def _first_kernels(network: keras.Model) -> tuple[Kernel, ...]:
    """The first kernels of the first convolution, each of shape (rows, columns, channels)."""
    layer = next((layer for layer in network.layers if type(layer) is keras.layers.Conv2D), None)
    if layer is None:
        return ()
    kernels = keras.ops.convert_to_numpy(layer.kernel)[..., :MOST_KERNELS].astype(np.float32)
    values = np.moveaxis(kernels, -1, 0)
    if not math.isfinite(float(values.sum())):
        values = np.nan_to_num(values)
    return tuple(tuple(tuple(rounded(channels) for channels in row) for row in kernel) for kernel in values.tolist())
