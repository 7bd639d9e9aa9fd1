"""Compiles a network and fits it, telling how far it is. Keras 3's own API only, so any Keras backend will do."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from worker.errors import TrainingFailed
from worker.records import History, JobFailure, Progress
from worker.requests import JobRequest, Optimizer
from worker.training.splits import Split

REPORT_EVERY_S = 0.25
OnProgress = Callable[[Progress, History | None], None]

_OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


@dataclass(frozen=True)
class Fit:
    """What a training left behind.

    Attributes:
        history: one value per epoch.
        seconds: wall time of `fit`, validation included.
        cpu_seconds: processor time of this process meanwhile, over all cores.
        first_step_at: seconds since the epoch when the first batch was done.
    """

    history: History
    seconds: float
    cpu_seconds: float
    first_step_at: float


def compile_network(network: keras.Model, optimizer: Optimizer) -> None:
    """Categorical cross-entropy and accuracy, as in the lesson, with the optimizer asked for."""
    network.compile(
        optimizer=_OPTIMIZERS[optimizer.name](**optimizer.model_dump(exclude={"name"}, exclude_none=True)),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    _build_training_state(network)


def _build_training_state(network: keras.Model) -> None:
    """Create the optimizer's and the metrics' variables before the first step.

    TensorFlow traces a step that creates variables twice; measured here, this halves the wait for the first batch
    (1.5 s to 0.75 s on 2 cores for `lenet5-fashion`).
    """
    network.optimizer.build(network.trainable_variables)
    targets = np.eye(network.output_shape[-1], dtype=np.float32)[:1]
    network.compute_loss(y=targets, y_pred=targets)
    network.compute_metrics(None, targets, targets)
    network.reset_metrics()


def fit_network(
    network: keras.Model, training: Split, validation: Split, request: JobRequest, on_progress: OnProgress
) -> Fit:
    """Train for the epochs asked for.

    Raises:
        TrainingFailed: the loss became NaN or infinite (`diverged`).
    """
    assert request.epochs is not None
    assert request.batch_size is not None
    reporter = ProgressReporter(request.epochs, request.batch_size, len(training), on_progress)
    started, cpu_started = time.monotonic(), time.process_time()
    network.fit(
        training.inputs,
        training.targets,
        batch_size=request.batch_size,
        epochs=request.epochs,
        validation_data=(validation.inputs, validation.targets),
        verbose=0,
        callbacks=[reporter],
    )
    seconds, cpu_seconds = time.monotonic() - started, time.process_time() - cpu_started
    return Fit(reporter.history, seconds, cpu_seconds, reporter.first_step_at)


class ProgressReporter(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Tells how far a training is, a few times a second, and ends one whose loss is no longer a number.

    Between reports a batch costs one look at the clock: reading a loss would make TensorFlow wait for it.
    """

    def __init__(self, epochs: int, batch_size: int, n_images: int, on_progress: OnProgress) -> None:
        super().__init__()
        self._epochs = epochs
        self._batch_size = batch_size
        self._n_images = n_images
        self._steps = math.ceil(n_images / batch_size)
        self._on_progress = on_progress
        self.history = History()
        self.first_step_at = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start anew, so that one instance can serve twice."""
        self.history = History()
        self.first_step_at = 0.0
        self._epoch = 0
        self._paced_since = 0.0
        self._next_report = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch and its time."""
        self._epoch = epoch
        self._epoch_started = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Report when it is time."""
        now = time.monotonic()
        if not self.first_step_at:
            self.first_step_at = time.time()
            self._paced_since = now  # the first step is mostly tracing; it says nothing about pace
        if now >= self._next_report:
            self._next_report = now + REPORT_EVERY_S
            self._report(batch + 1, logs or {}, now)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the epoch to the history and report it."""
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        _refuse_divergence(metrics, epoch)
        self.history = self.history.with_epoch(metrics)
        self._on_progress(self._progress(self._steps, metrics, time.monotonic()), self.history)

    def _report(self, step: int, logs: dict[str, Any], now: float) -> None:
        metrics = {name: float(value) for name, value in logs.items()}
        _refuse_divergence(metrics, self._epoch)
        self._on_progress(self._progress(step, metrics, now), None)

    def _progress(self, step: int, metrics: dict[str, float], now: float) -> Progress:
        steps_done = self._epoch * self._steps + step
        paced_steps = steps_done - 1
        seconds_per_step = (now - self._paced_since) / paced_steps if paced_steps else None
        steps_left = self._epochs * self._steps - steps_done
        return Progress(
            phase="training",
            epoch=self._epoch + 1,
            epochs=self._epochs,
            step=step,
            steps=self._steps,
            loss=metrics.get("loss"),
            accuracy=metrics.get("accuracy"),
            images_per_second=min(step * self._batch_size, self._n_images) / max(now - self._epoch_started, 1e-9),
            eta_s=None if seconds_per_step is None else seconds_per_step * steps_left,
        )


def _refuse_divergence(metrics: dict[str, float], epoch: int) -> None:
    loss = metrics.get("loss", 0.0)
    if not math.isfinite(loss):
        raise TrainingFailed(
            JobFailure(
                code="diverged",
                message=f"The training loss became {loss} in epoch {epoch + 1}.",
                hint="Try a learning rate ten times smaller, for example "
                '"optimizer": {"name": "sgd", "learning_rate": 0.001}.',
            )
        )
