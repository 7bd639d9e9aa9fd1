"""Runs one claimed job to an honest end: hands it to a trainer, keeps its record current, and ends the trainer.

Training never waits for Redis: reports are drained by a thread, the latest progress replaces the one before, and a
write that fails is made up for by the next. Only the last word is repeated until the server has taken it.
"""

import logging
import time
from collections.abc import Callable

from worker.errors import ClaimLost, QueueUnavailable
from worker.job_trace import JobTrace
from worker.jobs import JobBook
from worker.messages import (
    Failed,
    Leave,
    LeaveAsked,
    LogLine,
    Order,
    ProgressMade,
    Published,
    Ready,
    Report,
)
from worker.records import Claim, History, JobFailure, Progress, PublishedModel
from worker.states import JobState
from worker.trainer_process import TrainerProcess

logger = logging.getLogger(__name__)
trainer_logger = logging.getLogger("worker.trainer")

TICK_S = 0.25
HEARTBEAT_S = 1.0  # also how soon a cancellation is noticed
LAST_WORD_RETRY_S = 2.0


class Supervisor:
    """One claim, one trainer, one run.

    Args:
        trace: told of every phase, and of the end.
        on_training: called once when training proper has begun: time to prepare the next trainer.
    """

    def __init__(
        self,
        book: JobBook,
        claim: Claim,
        trainer: TrainerProcess,
        trace: JobTrace,
        cancel_grace_s: float,
        on_training: Callable[[], None],
    ) -> None:
        self._book = book
        self._claim = claim
        self._trainer = trainer
        self._trace = trace
        self._cancel_grace_s = cancel_grace_s
        self._on_training = on_training
        self._progress = Progress(epochs=claim.request.epochs or 0)
        self._history = History()
        self._event = ""
        self._log: list[str] = []
        self._next_heartbeat = 0.0

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
            self._trainer.stop()
            logger.info("job %s: given back to the queue, the worker is stopping", self._claim.job)
            self._book.give_back(self._claim)
            self._trace.end("given back")
            raise
        finally:
            self._trainer.stop(self._cancel_grace_s)

    def _say(self, message: str) -> None:
        """To the worker's log and to the job's own."""
        logger.info("job %s: %s", self._claim.job, message)
        self._log.append(LogLine(at=time.time(), level=logging.INFO, message=message).line)

    def _follow(self) -> None:
        while True:
            try:
                report = self._trainer.receive(TICK_S)
            except EOFError:
                self._fail(self._post_mortem())
                return
            if report is not None and self._take(report):
                return
            if self._beat():
                self._trainer.stop(self._cancel_grace_s)
                self._end(JobState.CANCELLED, lambda: self._book.end_cancelled(self._claim))
                logger.info("job %s: cancelled", self._claim.job)
                return

    def _take(self, report: Report) -> bool:
        """Act on one report; True when it was the last."""
        match report:
            case ProgressMade():
                self._note_progress(report)
            case LogLine():
                self._log.append(report.line)
                trainer_logger.log(report.level, "job %s: %s", self._claim.job, report.message)
            case LeaveAsked():
                granted = self._may_commit()
                self._trainer.send(Leave(granted=granted))
                if not granted:
                    self._next_heartbeat = 0.0  # which says at once whether it was cancelled or lost
            case Published():
                self._finish(report.model)
                return True
            case Failed():
                self._fail(report.failure)
                return True
            case Ready():
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
            cancelled = self._book.heartbeat(self._claim, self._progress, self._history, self._event)
        except QueueUnavailable as error:
            logger.warning("job %s: progress not written, training goes on: %s", self._claim.job, error.reason)
            return False
        self._event = ""
        return cancelled

    def _may_commit(self) -> bool:
        return self._insist(lambda: self._book.begin_commit(self._claim))

    def _finish(self, model: PublishedModel) -> None:
        self._end(JobState.SUCCEEDED, lambda: self._book.succeed(self._claim, model))
        logger.info("job %s: published %s version %d", self._claim.job, model.name, model.version)

    def _fail(self, failure: JobFailure) -> None:
        self._end(JobState.FAILED, lambda: self._book.fail(self._claim, failure), failure.code)
        logger.warning("job %s: failed (%s): %s", self._claim.job, failure.code, failure.message)

    def _end(self, state: JobState, write: Callable[[], bool], failure: str = "") -> None:
        def last_words() -> bool:
            self._write_log()
            self._book.heartbeat(self._claim, self._progress, self._history, self._event)
            return write()

        if not self._insist(last_words):
            raise ClaimLost(self._claim.job, self._claim.fence)
        self._trace.end(state, failure)

    def _write_log(self) -> None:
        if self._log:
            self._book.append_log(self._claim.job, self._log)
            self._log = []

    def _insist(self, write: Callable[[], bool]) -> bool:
        """Repeat a write until the server has taken it."""
        while True:
            try:
                return write()
            except QueueUnavailable as error:
                logger.warning("job %s: waiting for Redis: %s", self._claim.job, error.reason)
                time.sleep(LAST_WORD_RETRY_S)

    def _post_mortem(self) -> JobFailure:
        """A trainer that ended without a last report: its exit status says why."""
        status = self._trainer.exit_status()
        words = self._trainer.last_words()
        logger.error("job %s: the trainer ended with status %d: %s", self._claim.job, status, words)
        if status == -9:
            return JobFailure(
                code="out_of_memory",
                message="The training process was killed (signal 9), most likely because memory ran out.",
                hint=f"Try a smaller batch size than {self._claim.request.batch_size}, or a smaller network.",
            )
        return JobFailure(
            code="trainer_died",
            message=f"The training process ended with status {status} before the job was done.",
            hint="The worker's log holds what it last wrote.",
        )
