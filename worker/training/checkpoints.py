"""Saves a training's state in the model store, and restores it after an interruption.

A checkpoint is taken after every epoch, and within an epoch when the worker is told to stop. A thread writes it while
training continues. If the previous checkpoint is still being written at the end of an epoch, that epoch's is skipped.
"""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal

import keras
from pydantic import BaseModel, ConfigDict, ValidationError

from model_store import CheckpointStore, Position, StoreFull, StoreUnavailable
from model_store.errors import NO_SPACE
from worker.jobs.errors import TrainingFailed, store_full
from worker.jobs.records import History
from worker.training.network_state import State, read_state, restore_state, state_of, write_state

logger = logging.getLogger(__name__)

STATE_FILE = "state.npz"
BEST_FILE = "best.npz"
TRAINING_FILE = "training.json"

DISK_FULL = store_full("There is not enough free space for the training's checkpoint.")


class Account(BaseModel):
    """Figures of a training's completed epochs; times are summed over all attempts, for the epochs that were kept.

    Attributes:
        history: one value per epoch.
        epoch_seconds: wall time of each epoch, including validation.
        seconds: wall time of `fit`.
        cpu_seconds: processor time of the trainer during `fit`, over all cores.
        data_wait_seconds: wall time during which training waited for its next batch.
    """

    model_config = ConfigDict(frozen=True)

    history: History = History()
    epoch_seconds: tuple[float, ...] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    data_wait_seconds: float = 0.0

    def pace(self) -> dict[str, float]:
        """Seconds of `fit`, the number of epochs, and seconds of an epoch after the first, which builds the graphs."""
        known = {"fit_seconds": self.seconds, "epochs": float(len(self.epoch_seconds))}
        later = self.epoch_seconds[1:]
        return known | ({"epoch_seconds": median(later)} if later else {})


class _Training(BaseModel):
    """`training.json`."""

    format: Literal[1] = 1
    dataset_fingerprint: str
    account: Account
    is_over: bool


@dataclass(frozen=True)
class Start:
    """The point where a training starts or resumes.

    Attributes:
        epoch: number of complete epochs.
        step: number of batches done in the next epoch.
        account: figures of the complete epochs.
        metrics: metric sums of the interrupted epoch, by name.
        best: weights of the best epoch, if they are kept.
        is_over: whether nothing is left to train.
    """

    epoch: int = 0
    step: int = 0
    account: Account = field(default_factory=Account)
    metrics: State = field(default_factory=dict)
    best: State | None = None
    is_over: bool = False


class Checkpoints:
    """One job's checkpoints.

    Args:
        store: holds the checkpoints.
        job: id of the job.
        fence: fence of the claim under which this training runs.
        directory: holds files until they are in the store.
        dataset_fingerprint: checkpoints of a training on other pictures are not used.
    """

    def __init__(self, store: CheckpointStore, job: str, fence: int, directory: Path, dataset_fingerprint: str) -> None:
        self._store = store
        self._job = job
        self._fence = fence
        self._directory = directory
        self._dataset_fingerprint = dataset_fingerprint
        self._writer = ThreadPoolExecutor(1, "checkpoint")
        self._written: Future[None] | None = None

    def restore(self, network: keras.Model) -> Start:
        """Set the network to the newest checkpoint that fits, and return where to resume; else the beginning."""
        try:
            start = self._newest(network)
            if start is None:
                # Unusable checkpoints of later epochs would count as newer than the new ones and never be removed.
                self._store.delete(self._job)
        except StoreUnavailable as error:
            logger.warning("cannot look for a checkpoint, training starts from the beginning: %s", error)
            return Start()
        return start or Start()

    def _newest(self, network: keras.Model) -> Start | None:
        newest = self._store.newest(self._job)
        if newest is None:
            return None
        position, files = newest
        try:
            training = _Training.model_validate_json(files[TRAINING_FILE])
            if training.dataset_fingerprint != self._dataset_fingerprint:
                raise ValueError("it belongs to other pictures")
            state = read_state(files[STATE_FILE])
            restore_state(network, state)
        except (KeyError, ValueError, ValidationError) as error:
            logger.warning("checkpoint %s does not fit, training starts from the beginning: %s", position, error)
            return None
        logger.info("resuming after epoch %d and %d steps", position.epoch, position.step)
        return Start(
            position.epoch,
            position.step,
            training.account,
            metrics={name: array for name, array in state.items() if name.startswith("metrics-")},
            best=read_state(files[BEST_FILE]) if BEST_FILE in files else None,
            is_over=training.is_over,
        )

    def take(
        self, network: keras.Model, epoch: int, step: int, account: Account, best: State | None, *, is_over: bool
    ) -> None:
        """Copy the network's state and write it in the background.

        Raises:
            TrainingFailed: there was not enough free space for the previous checkpoint (`disk_full`).
        """
        if self._written is not None and not self._written.done() and not is_over:
            return
        self.flush()
        training = _Training(dataset_fingerprint=self._dataset_fingerprint, account=account, is_over=is_over)
        states = {STATE_FILE: state_of(network)} | ({} if best is None else {BEST_FILE: best})
        self._written = self._writer.submit(self._write, Position(epoch, step, self._fence), training, states)

    def flush(self) -> None:
        """Wait until the last checkpoint is written.

        Raises:
            TrainingFailed: there is not enough free space for it (`disk_full`).
        """
        if self._written is None:
            return
        written, self._written = self._written, None
        try:
            written.result()
        except StoreFull as error:
            raise TrainingFailed(DISK_FULL) from error
        except StoreUnavailable as error:
            logger.warning("a checkpoint was not written, training continues: %s", error)
        except OSError as error:
            if error.errno not in NO_SPACE:
                raise
            raise TrainingFailed(DISK_FULL) from error

    def _write(self, position: Position, training: _Training, states: dict[str, State]) -> None:
        files = {name: self._directory / name for name in states}
        for name, state in states.items():
            write_state(state, files[name])
        files[TRAINING_FILE] = self._directory / TRAINING_FILE
        files[TRAINING_FILE].write_text(training.model_dump_json(indent=1))
        self._store.save(self._job, position, files)
