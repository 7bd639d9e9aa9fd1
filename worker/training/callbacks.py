"""Keras callbacks between batches and epochs: progress, best epoch, checkpoints, and a stop on request."""

import math
import time
from collections.abc import Callable
from typing import Any

import keras

from worker.jobs.errors import TrainingFailed, TrainingPaused
from worker.jobs.plan import TrainingPlan
from worker.jobs.records import History, JobFailure, Progress
from worker.recipe import schedules
from worker.training.checkpoints import Account, Checkpoints, Start
from worker.training.compiling import inner_optimizer
from worker.training.network_state import State, weights_of

REPORT_EVERY_S = 0.25
OnProgress = Callable[[Progress, History | None], None]
Logs = dict[str, Any] | None


class ProgressReporter(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Reports the progress of a training a few times a second, and ends it when the loss is not finite.

    Between reports, a batch costs only one look at the clock: reading a loss would make TensorFlow wait for it.
    """

    def __init__(
        self, plan: TrainingPlan, n_images: int, steps_per_epoch: int, start: Start, on_progress: OnProgress
    ) -> None:
        super().__init__()
        self._plan = plan
        self._epochs = plan.epochs
        self._batch_size = plan.batch_size
        self._n_images = n_images
        self._steps = steps_per_epoch
        self._start = start
        self._on_progress = on_progress
        self._epoch = start.epoch
        self._step = start.step
        self._paced_since = 0.0
        self._paced_steps = 0
        self._next_report = 0.0
        self.history = start.account.history
        self.epoch_seconds = start.account.epoch_seconds
        self.first_step_at = 0.0

    @property
    def position(self) -> tuple[int, int]:
        """Number of complete epochs, and number of batches done in the next one."""
        return self._epoch, self._step

    @property
    def is_at_end(self) -> bool:
        """Whether all epochs are complete."""
        return self._epoch == self._epochs

    @property
    def is_within_epoch(self) -> bool:
        """Whether the current epoch has batches left."""
        return self._step < self._steps

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Record the epoch and its start time."""
        self._step = self._start.step if epoch == self._start.epoch else 0
        self._first_step = self._step
        self._epoch_started = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Report progress if a report is due."""
        now = time.monotonic()
        steps_before, self._step = self._step, self._first_step + batch + 1
        if not self.first_step_at:
            self.first_step_at = time.time()
            self._paced_since = now  # the first step is mostly tracing and does not count for the pace
        else:
            self._paced_steps += self._step - steps_before
        if now >= self._next_report:
            self._next_report = now + REPORT_EVERY_S
            self._report(logs or {}, now)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Add the epoch to the history and report it."""
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        _refuse_divergence(metrics, epoch)
        metrics["learning_rate"] = self._learning_rate()
        now = time.monotonic()
        self.epoch_seconds = (*self.epoch_seconds, now - self._epoch_started)
        self.history = self.history.with_epoch(metrics, self._plan.early_stopping)
        self._on_progress(self._progress(metrics, now), self.history)
        self._epoch, self._step = epoch + 1, 0

    def _report(self, logs: dict[str, Any], now: float) -> None:
        metrics = {name: float(value) for name, value in logs.items()}
        _refuse_divergence(metrics, self._epoch)
        self._on_progress(self._progress(metrics, now), None)

    def _progress(self, metrics: dict[str, float], now: float) -> Progress:
        seconds_per_step = (now - self._paced_since) / self._paced_steps if self._paced_steps else None
        steps_left = (self._epochs - self._epoch) * self._steps - self._step
        n_seen = min(self._step * self._batch_size, self._n_images) - self._first_step * self._batch_size
        return Progress(
            phase="training",
            epoch=self._epoch + 1,
            epochs=self._epochs,
            step=self._step,
            steps=self._steps,
            loss=metrics.get("loss"),
            accuracy=metrics.get("accuracy"),
            images_per_second=n_seen / max(now - self._epoch_started, 1e-9),
            eta_s=None if seconds_per_step is None else seconds_per_step * steps_left,
        )

    def _learning_rate(self) -> float:
        """The learning rate of the epoch's last step."""
        last_step = (self._epoch + 1) * self._steps - 1
        return schedules.rate(
            self._plan.learning_rate_schedule,
            self._plan.optimizer.learning_rate,
            last_step,
            self._epochs,
            self._steps,
        )


class BestEpoch(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the weights of the best epoch, and ends the training after `patience` epochs without a better one.

    Runs after the reporter, whose history marks the best epoch, and before `SwapEMAWeights`, so that at the end of a
    validation the network still has the weights that were validated.
    """

    def __init__(self, patience: int, reporter: ProgressReporter, start: Start) -> None:
        super().__init__()
        self._patience = patience
        self._reporter = reporter
        self.weights: State | None = start.best

    def on_test_end(self, logs: Logs = None) -> None:
        """Copy the weights that were validated."""
        self._validated = weights_of(self.model)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Keep the copy if this is the best epoch."""
        best = self._reporter.history.best_epoch
        if best is None or best == epoch + 1:
            self.weights = self._validated
        elif epoch + 1 - best >= self._patience:
            self.model.stop_training = True


class EarlyFinish(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends the training after the current batch when asked; what there is of the epoch is validated and kept."""

    def __init__(self, is_finish_asked: Callable[[], bool]) -> None:
        super().__init__()
        self._is_finish_asked = is_finish_asked

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Stop if asked."""
        if self._is_finish_asked():
            self.model.stop_training = True


class Checkpointer(keras.callbacks.Callback):  # type: ignore[misc]
    """Takes a checkpoint after every epoch, and between two batches when the training must stop.

    Runs after `ProgressReporter` and `BestEpoch`, whose results it saves.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        reporter: ProgressReporter,
        best: BestEpoch | None,
        account: Callable[[], Account],
        is_pause_asked: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._checkpoints = checkpoints
        self._reporter = reporter
        self._best = best
        self._account = account
        self._is_pause_asked = is_pause_asked

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Pause if requested, except after an epoch's last batch: such an epoch could not be resumed."""
        if self._reporter.is_within_epoch and self._is_pause_asked():
            self._take(is_over=False, is_last=True)
            raise TrainingPaused

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Save the epoch."""
        is_over = self.model.stop_training or self._reporter.is_at_end
        self._take(is_over=is_over, is_last=is_over)

    def _take(self, *, is_over: bool, is_last: bool) -> None:
        if is_last:
            self._checkpoints.flush()
        epoch, step = self._reporter.position
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()  # during an epoch, JAX keeps the trained values outside the model
        weights = None if self._best is None else self._best.weights
        self._checkpoints.take(self.model, epoch, step, self._account(), weights, is_over=is_over)
        if is_last:
            self._checkpoints.flush()


class AfterFirstStep(keras.callbacks.Callback):  # type: ignore[misc]
    """Calls a function once, when the first step is done: tracing that step leaves a core for other work.

    Args:
        call: the function.
    """

    def __init__(self, call: Callable[[], None]) -> None:
        super().__init__()
        self._call: Callable[[], None] | None = call

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Call the function if it was not called yet."""
        if self._call is not None:
            call, self._call = self._call, None
            call()


class ResumedEpoch(keras.callbacks.Callback):  # type: ignore[misc]
    """Restores the metric sums of an interrupted epoch, which Keras would reset to zero."""

    def __init__(self, metrics: State) -> None:
        super().__init__()
        self._metrics = metrics

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Restore the sums; Keras has reset them just before."""
        for index, variable in enumerate(self.model.metrics_variables):
            variable.assign(self._metrics[f"metrics-{index}"])


class RawWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps an epoch's last weights, since Keras replaces them by their moving average at the end of `fit`."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Copy the weights."""
        self._values = [keras.ops.convert_to_numpy(variable) for variable in self.model.trainable_variables]

    def put_back(self) -> None:
        """Write the weights back to the network."""
        for variable, value in zip(self.model.trainable_variables, self._values, strict=True):
            variable.assign(value)


def average_weights(network: keras.Model) -> None:
    """Replace the weights by their moving average for good (idempotent)."""
    inner_optimizer(network).finalize_variable_values(network.trainable_variables)


def _refuse_divergence(metrics: dict[str, float], epoch: int) -> None:
    for name in ("loss", "val_loss"):
        loss = metrics.get(name, 0.0)
        if not math.isfinite(loss):
            kind = "training" if name == "loss" else "validation"
            raise TrainingFailed(
                JobFailure(
                    code="diverged",
                    message=f"The {kind} loss became {loss} in epoch {epoch + 1}.",
                    hint="Try a learning rate ten times smaller, for example "
                    '"optimizer": {"name": "sgd", "learning_rate": 0.001}.',
                )
            )
