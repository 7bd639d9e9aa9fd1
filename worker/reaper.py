"""Finds jobs whose worker is gone, and jobs whose bell was lost, and puts both right.

Any worker may do this at any time: every move is fenced, so two reapers at once do no harm.
"""

import logging
import threading

from worker.bell import Bell
from worker.errors import QueueUnavailable
from worker.jobs import JobBook
from worker.records import Claim, JobFailure

logger = logging.getLogger(__name__)

INTERVAL_S = 5.0
MAX_ATTEMPTS = 3


class Reaper(threading.Thread):
    """Looks every few seconds, for as long as its process lives."""

    def __init__(self, book: JobBook, bell: Bell) -> None:
        super().__init__(name="reaper", daemon=True)
        self._book = book
        self._bell = bell
        self._stopped = threading.Event()

    def run(self) -> None:
        """Sweep until stopped; a server that does not answer is asked again next time."""
        while not self._stopped.wait(INTERVAL_S):
            try:
                self.sweep()
            except QueueUnavailable as error:
                logger.warning("Redis does not answer: %s", error.reason)

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def sweep(self) -> None:
        """Move every job whose lease has run out; ring again when jobs are queued but no bell is."""
        for claim in self._book.expired():
            self._reap(claim)
        queued = self._book.queued()
        if queued and not self._bell.waiting():
            for job in queued:
                self._bell.ring(job)

    def _reap(self, claim: Claim) -> None:
        if self._book.get(claim.job).cancel_requested:
            self._book.end_cancelled(claim)
        elif claim.attempt < MAX_ATTEMPTS:
            logger.warning("job %s: its worker was lost; queued again", claim.job)
            self._book.requeue(claim)
        else:
            self._book.fail(claim, _worker_lost(claim))


def _worker_lost(claim: Claim) -> JobFailure:
    return JobFailure(
        code="worker_lost",
        message=f"The worker was lost {claim.attempt} times while this job ran.",
        hint="See the worker's log and the machine's memory; then submit the job again.",
    )
