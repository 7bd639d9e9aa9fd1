"""Runs one claimed job to an honest end: hands it to a trainer, keeps its record current, and ends the trainer.

Training never waits for Redis: reports are drained by a thread, the latest progress replaces the one before, and a
write that fails is made up for by the next. Only the last word is repeated until the server has taken it.

A failure the job brought upon itself ends it. A trainer that hangs, or is killed, costs an attempt: the job is queued
again, and fails with the reason when that was the last.
"""

import logging
import signal
import time
from collections.abc import Callable
from typing import TypeVar

from worker.job_store.store import JobStore
from worker.jobs.errors import ClaimLost, QueueUnavailable
from worker.jobs.memory_errors import out_of_memory
from worker.jobs.records import Claim, History, JobFailure, Progress, PublishedModel
from worker.jobs.states import JobState
from worker.supervision.job_trace import JobTrace
from worker.supervision.memory_kills import memory_kills
from worker.supervision.messages import (
    CommitGranted,
    CommitRequested,
    Failed,
    LogLine,
    Order,
    Pause,
    Paused,
    ProgressMade,
    Published,
    Ready,
    Report,
)
from worker.supervision.trainer_process import TrainerProcess
from worker.supervision.watchdog import Watchdog, cpu_seconds_of

logger = logging.getLogger(__name__)
trainer_logger = logging.getLogger("worker.trainer")

TICK_S = 0.25
HEARTBEAT_S = 1.0  # also how soon a cancellation is noticed
LAST_WORD_RETRY_S = 2.0

T = TypeVar("T")


def insist(job: str, ask: Callable[[], T], pause_s: float = LAST_WORD_RETRY_S) -> T:
    """Ask the server about a job until it has answered."""
    while True:
        try:
            return ask()
        except QueueUnavailable as error:
            logger.warning("job %s: waiting for Redis: %s", job, error.reason)
            time.sleep(pause_s)


class Supervisor:
    """One claim, one trainer, one run.

    Args:
        job_store: where the job's record is kept.
        claim: the right to write there.
        trainer: has got no order yet.
        trace: told of every phase, and of the end.
        cancel_grace_s: how long a cancelled trainer may take to end by itself.
        stall_timeout_s: how long a training loop may be silent, see `Watchdog`.
        pause_grace_s: how long a training may take to save where it is when the worker stops.
        on_training: called once when training proper has begun: time to prepare the next trainer.
    """

    def __init__(
        self,
        job_store: JobStore,
        claim: Claim,
        trainer: TrainerProcess,
        trace: JobTrace,
        cancel_grace_s: float,
        stall_timeout_s: float,
        pause_grace_s: float,
        on_training: Callable[[], None],
    ) -> None:
        self._job_store = job_store
        self._claim = claim
        self._trainer = trainer
        self._trace = trace
        self._cancel_grace_s = cancel_grace_s
        self._pause_grace_s = pause_grace_s
        self._on_training = on_training
        self._progress = Progress(epochs=claim.plan.epochs)
        self._history = History()
        self._event = ""
        self._log: list[str] = []
        self._next_heartbeat = 0.0
        self._watchdog = Watchdog(stall_timeout_s, lambda: cpu_seconds_of(trainer.pid))
        self._memory_kills_before = memory_kills()

    def run(self, order: Order) -> None:
        """Send the order and stay until the job has ended, was cancelled, or belongs to somebody else."""
        self._say(
            f"attempt {self._claim.attempt}, trainer {self._trainer.pid}, "
            f"submitted by request {self._claim.origin.request_id or 'unknown'}"
        )
        try:
            self._trainer.send(order)
            self._follow()
        except ClaimLost:
            logger.warning("job %s: its claim was lost; the trainer is stopped", self._claim.job)
            self._trace.end("claim lost")
        except SystemExit:
            # The worker was told to stop: the job goes back into the queue, unharmed and uncharged.
            self._pause()
            self._trainer.stop()
            self._give_back()
            raise
        finally:
            self._trainer.stop(self._cancel_grace_s)

    def _pause(self) -> None:
        """Let a training save where it is; whatever else a trainer does is done again by the next."""
        if self._progress.phase != "training":
            return
        deadline = time.monotonic() + self._pause_grace_s
        try:
            self._trainer.send(Pause())
            while time.monotonic() < deadline:
                match report := self._trainer.receive(TICK_S):
                    case Paused():
                        self._say("saved between two batches; the worker is stopping")
                        return
                    case Failed():
                        return
                    case ProgressMade():
                        self._note_progress(report)
                    case LogLine():
                        self._log.append(report.line)
                if self._progress.phase != "training" or self._beat():
                    return
        except ClaimLost:
            return
        except EOFError:
            pass
        logger.warning("job %s: it did not save in time and will go on after its last epoch", self._claim.job)

    def _give_back(self) -> None:
        try:
            self._write_log()
            self._job_store.give_back(self._claim)
        except QueueUnavailable as error:
            # The worker must end all the same; the job is queued again when its lease has run out.
            logger.warning("job %s: not given back, Redis does not answer: %s", self._claim.job, error.reason)
            return
        logger.info("job %s: given back to the queue, the worker is stopping", self._claim.job)
        self._trace.end("given back")

    def _say(self, message: str) -> None:
        """To the worker's log and to the job's own."""
        logger.info("job %s: %s", self._claim.job, message)
        self._log.append(LogLine(at=time.time(), level=logging.INFO, message=message).line)

    def _follow(self) -> None:
        while True:
            try:
                report = self._trainer.receive(TICK_S)
            except EOFError:
                self._end_of_trainer()
                return
            if report is not None and self._take(report):
                return
            if self._watchdog.is_stalled():
                self._retry(self._stall())
                return
            if self._beat():
                self._trainer.stop(self._cancel_grace_s)
                self._end(JobState.CANCELLED, lambda: self._job_store.end_cancelled(self._claim))
                logger.info("job %s: cancelled", self._claim.job)
                return

    def _take(self, report: Report) -> bool:
        """Act on one report; True when it was the last."""
        self._watchdog.hear(report.progress if isinstance(report, ProgressMade) else None)
        match report:
            case ProgressMade():
                self._note_progress(report)
            case LogLine():
                self._log.append(report.line)
                trainer_logger.log(report.level, "job %s: %s", self._claim.job, report.message)
            case CommitRequested():
                granted = self._may_commit(report.version)
                self._trainer.send(CommitGranted(granted=granted))
                self._watchdog.hear()  # until now the trainer waited for us
                if not granted:
                    self._next_heartbeat = 0.0  # which says at once whether it was cancelled or lost
            case Published():
                self._finish(report.model)
                return True
            case Failed():
                self._fail(report.failure)
                return True
            case Ready() | Paused():
                pass
        return False

    def _note_progress(self, report: ProgressMade) -> None:
        if report.progress.phase == "training" and self._progress.phase != "training":
            self._on_training()
        self._progress = report.progress
        self._trace.enter(report.progress.phase)
        if report.history is not None:
            self._history = report.history
            self._event = "epoch"
            self._next_heartbeat = 0.0
        else:
            self._event = self._event or "progress"

    def _beat(self) -> bool:
        """Write what is new, at most once a second; True when the job is to be cancelled."""
        if time.monotonic() < self._next_heartbeat:
            return False
        self._next_heartbeat = time.monotonic() + HEARTBEAT_S
        try:
            self._write_log()
            cancelled = self._job_store.heartbeat(self._claim, self._progress, self._history, self._event)
        except QueueUnavailable as error:
            logger.warning("job %s: progress not written, training goes on: %s", self._claim.job, error.reason)
            return False
        self._event = ""
        return cancelled

    def _may_commit(self, version: int) -> bool:
        return insist(self._claim.job, lambda: self._job_store.begin_commit(self._claim, version))

    def _finish(self, model: PublishedModel) -> None:
        self._end(JobState.SUCCEEDED, lambda: self._job_store.succeed(self._claim, model))
        logger.info("job %s: published %s version %d", self._claim.job, model.name, model.version)

    def _fail(self, failure: JobFailure) -> None:
        self._end(JobState.FAILED, lambda: self._job_store.fail(self._claim, failure), failure.code)
        logger.warning("job %s: failed (%s): %s", self._claim.job, failure.code, failure.message)

    def _retry(self, failure: JobFailure) -> None:
        """End this attempt; whether the job may have another is the book's business."""
        self._trainer.stop()
        self._say(f"attempt {self._claim.attempt} is lost ({failure.code}): {failure.message}")
        self._end(JobState.QUEUED, lambda: self._job_store.retry(self._claim, failure), failure.code)

    def _end(self, state: JobState, write: Callable[[], bool], failure: str = "") -> None:
        def last_words() -> bool:
            self._write_log()
            self._job_store.heartbeat(self._claim, self._progress, self._history, self._event)
            return write()

        if not insist(self._claim.job, last_words):
            raise ClaimLost(self._claim.job, self._claim.fence)
        self._trace.end(state, failure)

    def _write_log(self) -> None:
        if self._log:
            self._job_store.append_log(self._claim.job, self._log)
            self._log = []

    def _stall(self) -> JobFailure:
        return JobFailure(
            code="stalled",
            message=f"Nothing came from the training for {self._watchdog.silence_s():.0f} s "
            f"while {self._progress.phase}, and it did not compute either.",
            hint="A disk or a GPU that hangs is the usual cause: see the machine's log. "
            "If it was only slow, raise CONVSERVE_STALL_TIMEOUT_S.",
        )

    def _end_of_trainer(self) -> None:
        """A trainer that ended without a last report: its exit status says why, as far as anybody can."""
        status = self._trainer.exit_status()
        logger.error(
            "job %s: the trainer ended with status %d: %s", self._claim.job, status, self._trainer.last_words()
        )
        if status >= 0:
            self._fail(_trainer_died(f"ended with status {status} before the job was done"))
        elif status != -signal.SIGKILL:
            self._retry(_trainer_died(f"was ended by {signal.Signals(-status).name}"))
        elif self._memory_kills_before is None:
            self._retry(self._out_of_memory("was killed, most likely because memory ran out"))
        elif memory_kills() == self._memory_kills_before:
            self._retry(_trainer_died("was killed by somebody; memory had not run out"))
        else:
            self._fail(self._out_of_memory("was killed by the kernel because memory ran out"))

    def _out_of_memory(self, what_happened: str) -> JobFailure:
        return out_of_memory(self._claim.plan.batch_size, f"The training process {what_happened}")


def _trainer_died(what_happened: str) -> JobFailure:
    return JobFailure(
        code="trainer_died",
        message=f"The training process {what_happened}.",
        hint="The worker's log holds what it last wrote.",
    )
