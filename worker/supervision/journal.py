"""What a worker writes about the job it runs: progress, history, log lines, and how the job ends.

Training never waits for Redis: the latest progress replaces the one before, and the next write makes up for one that
failed. Only the end is repeated until the server has accepted it.
"""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from worker.job_store.store import JobStore
from worker.jobs.errors import ClaimLost, QueueUnavailable
from worker.jobs.records import Claim, History, Progress
from worker.jobs.states import JobState
from worker.supervision.job_trace import JobTrace
from worker.supervision.messages import LogLine, ProgressMade

logger = logging.getLogger(__name__)

HEARTBEAT_S = 1.0  # also how soon a cancellation is noticed
LAST_WRITE_RETRY_S = 2.0

LOGGED_FIGURES = frozenset({"loss", "accuracy", "val_loss", "val_accuracy"})

T = TypeVar("T")


def insist(job: str, ask: Callable[[], T], pause_s: float = LAST_WRITE_RETRY_S) -> T:
    """Ask the server about a job until it has answered."""
    while True:
        try:
            return ask()
        except QueueUnavailable as error:
            logger.warning("job %s: waiting for Redis: %s", job, error.reason)
            time.sleep(pause_s)


class Journal:
    """The record of one run.

    Args:
        job_store: where the job's record is kept.
        claim: the right to write there.
        trace: told of every phase and of the end.
    """

    def __init__(self, job_store: JobStore, claim: Claim, trace: JobTrace) -> None:
        self._job_store = job_store
        self._claim = claim
        self._trace = trace
        self._progress = Progress(epochs=claim.plan.epochs)
        self._history = History()
        self._event = ""
        self._log: list[str] = []
        self._next_heartbeat = 0.0

    @property
    def progress(self) -> Progress:
        """The latest."""
        return self._progress

    def say(self, message: str) -> None:
        """Write a line to the worker's log and to the job's own."""
        logger.info("job %s: %s", self._claim.job, message)
        self._add(message)

    def add_line(self, line: LogLine) -> None:
        """Add a line to the job's log."""
        self._log.append(line.line)

    def note_progress(self, report: ProgressMade) -> None:
        """Remember how far the training is; an epoch that has ended is written at the next heartbeat, which is due."""
        self._progress = report.progress
        self._trace.enter(report.progress.phase)
        if report.history is not None:
            self._log_epoch(report.history)
            self._history = report.history
            self._event = "epoch"
            self.hurry()
        else:
            self._event = self._event or "progress"

    def log_end(self, message: str) -> None:
        """Add the line that ends the job's log; before it, whether the training stopped before its last epoch."""
        done, asked = len(self._history.loss), self._claim.plan.epochs
        if self._claim.plan.early_stopping is not None and 0 < done < asked and self._progress.phase != "training":
            self._add(f"stopped early after epoch {done}/{asked}; the best was epoch {self._history.best_epoch}")
        self._add(message)

    def _log_epoch(self, history: History) -> None:
        """One line for an epoch that has ended; of those before a resumption only the last is new here."""
        done = len(history.loss)
        if done <= len(self._history.loss):
            return
        figures = [f"{name} {values[-1]:.4f}" for name, values in history if name in LOGGED_FIGURES and values]
        self._add(f"epoch {done}/{self._claim.plan.epochs}: {', '.join(figures)}")

    def _add(self, message: str) -> None:
        self.add_line(LogLine(at=time.time(), level=logging.INFO, message=message))

    def hurry(self) -> None:
        """Make the next heartbeat due now."""
        self._next_heartbeat = 0.0

    def beat(self) -> bool:
        """Write what is new, at most once a second.

        Returns:
            Whether cancellation of the job was requested.

        Raises:
            ClaimLost: the job is no longer this claim's.
        """
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

    def end(self, state: JobState, write: Callable[[], bool], failure: str = "") -> None:
        """Write everything, then the end of the job or of its attempt.

        Args:
            state: that the trace shows as the outcome.
            write: moves the job; False when the claim was lost.
            failure: code of a failure, for the trace.

        Raises:
            ClaimLost: the job is no longer this claim's.
        """

        def last_write() -> bool:
            self._write_log()
            self._job_store.heartbeat(self._claim, self._progress, self._history, self._event)
            return write()

        if not insist(self._claim.job, last_write):
            raise ClaimLost(self._claim.job, self._claim.fence)
        self._trace.end(state, failure)

    def give_back(self) -> None:
        """Queue the job again without charging the attempt, unless Redis does not answer at once."""
        try:
            self._write_log()
            self._job_store.give_back(self._claim)
        except QueueUnavailable as error:
            # The worker must end all the same; the job is queued again when its lease has run out.
            logger.warning("job %s: not given back, Redis does not answer: %s", self._claim.job, error.reason)
            return
        logger.info("job %s: given back to the queue, the worker is stopping", self._claim.job)
        self._trace.end("given back")

    def _write_log(self) -> None:
        if self._log:
            self._job_store.append_log(self._claim.job, self._log)
            self._log = []
