"""Fits a compiled network, from its first step or from a checkpoint. Uses only Keras 3's API: any backend works."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import keras

from worker.jobs.plan import TrainingPlan
from worker.jobs.records import History, Progress
from worker.reports.doubtful_labels import DoubtfulLabels
from worker.reports.film import Film
from worker.training.callbacks import (
    BestEpoch,
    Checkpointer,
    EarlyFinish,
    OnProgress,
    ProgressReporter,
    RawWeights,
    ResumedEpoch,
    average_weights,
)
from worker.training.checkpoints import Account, Checkpoints, Start
from worker.training.feeding import EpochData, Feed
from worker.training.graph_loops import GraphLoops, can_loop
from worker.training.network import pictures_at_once
from worker.training.network_state import State, restore_weights
from worker.training.parallel.batches import Validation, divided, validation_arguments
from worker.training.splits import Split

MOST_PARAMETERS_KEPT = 20_000_000
"""Of larger networks no copy of the best epoch is held without need: it would take more than 160 MB."""


@dataclass(frozen=True)
class Fit:
    """The result of a training, besides the weights.

    Attributes:
        account: history and times of all epochs, including those before an interruption.
        first_step_at: Unix time in seconds when this attempt's first batch was done; None when no batch was left.
        film: frames of the training; None when it was not filmed.
        is_best_kept: the network has the weights of the best epoch, else those of the last one.
        doubtful: training pictures whose label is perhaps wrong; None when they were not looked for.
    """

    account: Account
    first_step_at: float | None
    film: Film | None = None
    is_best_kept: bool = False
    doubtful: DoubtfulLabels | None = None

    @property
    def history(self) -> History:
        """One value per epoch."""
        return self.account.history

    def published_epoch(self) -> int:
        """The epoch whose weights are published, from 1."""
        best = self.history.best_epoch
        return best if self.is_best_kept and best is not None else len(self.history.loss)


class Training:
    """One training of one network.

    Args:
        network: the compiled network.
        data: the training data.
        validation: the split that the network is evaluated on after every epoch.
        plan: the training plan.
        checkpoints: to resume from, and to save to; None for neither.
        on_progress: called with the progress.
        is_pause_asked: returns True when the training must save and stop between two batches.
        is_finish_asked: returns True when the training must end now, and its best epoch is wanted.
        start: where to start instead of at the first epoch, unless there is a checkpoint of a later one.
        last_epoch: number of epochs after which to stop; None for all of the plan's.
        watchers: more callbacks; at the end of a validation they see the weights that were validated.
    """

    def __init__(
        self,
        network: keras.Model,
        data: EpochData,
        validation: Split,
        plan: TrainingPlan,
        checkpoints: Checkpoints | None,
        on_progress: OnProgress,
        is_pause_asked: Callable[[], bool] = lambda: False,
        is_finish_asked: Callable[[], bool] = lambda: False,
        *,
        start: Start | None = None,
        last_epoch: int | None = None,
        watchers: Sequence[keras.callbacks.Callback] = (),
    ) -> None:
        self._network = network
        self._data = data
        self._validation = validation
        self._plan = plan
        self._end = plan.epochs if last_epoch is None else last_epoch
        if start is not None:
            self._start = start
        else:
            self._start = Start() if checkpoints is None else checkpoints.restore(network)
        if self._start.epoch:
            # The job's record starts every attempt with an empty history.
            known = Progress(phase="preparing", epoch=self._start.epoch, epochs=plan.epochs)
            on_progress(known, self._start.account.history)
        self._waited_s = 0.0
        self._feed: Feed | None = None
        self._loops = GraphLoops(network, data, validation) if can_loop(network) else None
        self._reporter = ProgressReporter(plan, len(data), data.steps_per_epoch, self._start, on_progress)
        stopping = plan.early_stopping
        self._best = BestEpoch(stopping.patience, self._reporter, self._start) if stopping else None
        # Kept in memory only, for a training that is asked to finish early.
        is_small = network.count_params() <= MOST_PARAMETERS_KEPT
        self._so_far = BestEpoch(plan.epochs, self._reporter, Start()) if not stopping and is_small else None
        self._is_finish_asked = is_finish_asked
        self._callbacks: list[keras.callbacks.Callback] = [self._reporter]
        self._callbacks += [best for best in (self._best, self._so_far) if best is not None]
        self._callbacks += watchers
        self._callbacks.append(EarlyFinish(is_finish_asked))
        if plan.ema:
            self._callbacks.append(keras.callbacks.SwapEMAWeights())
        if checkpoints is not None:
            self._callbacks.append(Checkpointer(checkpoints, self._reporter, self._best, self._account, is_pause_asked))

    def run(self) -> Fit:
        """Train to the end, and leave the network with the weights to publish.

        Raises:
            TrainingFailed: the loss became NaN or infinite (`diverged`), or there was not enough free space for a
                checkpoint (`disk_full`).
            TrainingPaused: it was asked to stop, and has saved its state.
        """
        self._began, self._cpu_began = time.monotonic(), time.process_time()
        if not self._start.is_over:
            for first, last, step in self._legs():
                self._fit(first, last, step)
        best = self._best_weights()
        if best is not None:
            restore_weights(self._network, best)
        elif self._plan.ema:
            average_weights(self._network)
        return Fit(self._account(), self._reporter.first_step_at or None, is_best_kept=best is not None)

    def _best_weights(self) -> State | None:
        """The weights of the best epoch, if that is the one to publish and they are known."""
        if self._best is not None:
            return self._best.weights
        if self._so_far is None or not self._is_finish_asked():
            return None
        # After an interruption, the best epoch may be one before it, whose weights are gone.
        best = self._reporter.history.best_epoch or 0
        return self._so_far.weights if best > self._start.epoch else None

    def _legs(self) -> Iterator[tuple[int, int, int]]:
        """First epoch, last epoch (exclusive) and steps to skip. An interrupted epoch is finished in its own `fit`."""
        first = self._start.epoch
        if self._start.step:
            yield first, first + 1, self._start.step
            first += 1
        if first < self._end and not self._network.stop_training:
            yield first, self._end, 0

    def _fit(self, first: int, last: int, step: int) -> None:
        extra: list[keras.callbacks.Callback] = []
        if step:
            extra.append(ResumedEpoch(self._start.metrics))
        raw = RawWeights() if self._plan.ema and last != self._end else None
        if raw is not None:
            extra.append(raw)
        # Its thread converts the validation pictures first, while the first step is traced here.
        with Feed(self._data, first, step, before=self._validation.complete) as self._feed:
            self._fit_epochs(self._feed, first, last, step, [*self._callbacks, *extra])
        self._waited_s += self._feed.waited_s
        self._feed = None
        if raw is not None:
            raw.put_back()

    def _fit_epochs(
        self, feed: Feed, first: int, last: int, step: int, callbacks: list[keras.callbacks.Callback]
    ) -> None:
        steps = self._data.steps_per_epoch - step
        if self._loops is not None:
            self._loops.fit(feed, first, last, steps, callbacks)
            return
        self._network.fit(
            divided(self._network, feed.batches()),
            steps_per_epoch=steps,
            initial_epoch=first,
            epochs=last,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
            **self._validating(),
        )

    def _validating(self) -> Validation:
        split, at_once = self._validation, pictures_at_once(self._network)  # Keras's default of 32 is slower
        return validation_arguments(self._network, split.reserved, split.targets, at_once)

    def _account(self) -> Account:
        before = self._start.account
        waited_s = self._waited_s + (self._feed.waited_s if self._feed is not None else 0.0)
        return Account(
            history=self._reporter.history,
            epoch_seconds=self._reporter.epoch_seconds,
            seconds=before.seconds + time.monotonic() - self._began,
            cpu_seconds=before.cpu_seconds + time.process_time() - self._cpu_began,
            data_wait_seconds=before.data_wait_seconds + waited_s,
        )
