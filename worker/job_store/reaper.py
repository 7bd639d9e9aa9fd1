"""Finds jobs whose worker is gone and jobs whose wake-up was lost, and repairs both.

Every worker and every API process has a reaper; one at a time is on watch. All moves are fenced, so even two at once
would do no harm.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence

from worker.job_store.store import JobStore
from worker.job_store.wake_ups import WakeUps
from worker.jobs.errors import QueueUnavailable
from worker.jobs.records import Claim, JobFailure

logger = logging.getLogger(__name__)

INTERVAL_S = 2.0
SECOND_LOOK_S = 4.0  # a heartbeat is tried every second
MOST_SENT = 50
"""Wake-ups of one sweep. Each takes 0.5 ms of an API process: while it sent 10,000, `/metrics` took 140 ms."""


class Reaper(threading.Thread):
    """Looks every few seconds, for as long as its process lives.

    A job counts as lost when its lease is found expired twice, some seconds apart, while Redis answers: after an outage
    of Redis every lease has expired, and the living workers renew theirs within a second or two.
    """

    def __init__(self, job_store: JobStore, wake_ups: WakeUps, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(name="reaper", daemon=True)
        self._job_store = job_store
        self._wake_ups = wake_ups
        self._clock = clock
        self._name_on_watch = secrets.token_hex(8)
        self._first_seen: dict[tuple[str, int], float] = {}
        self._stopped = threading.Event()

    def run(self) -> None:
        """Sweep until stopped; a server that does not answer is asked again next time."""
        while True:
            try:
                if self._job_store.take_watch(self._name_on_watch):
                    self.sweep()
            except QueueUnavailable as error:
                self._first_seen.clear()
                logger.warning("Redis does not answer: %s", error.reason)
            except Exception:  # the thread's boundary: without a reaper, jobs would wait forever
                logger.exception("looking after lost jobs failed; it is tried again")
            if self._stopped.wait(INTERVAL_S):
                return

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def sweep(self) -> None:
        """Move every job whose worker is lost; send further wake-ups when fewer of them wait than jobs."""
        if n_adopted := self._job_store.adopt():
            logger.info("took over %d jobs that an earlier version of the program wrote or moved", n_adopted)
        for claim in self._expired_for_good():
            self._reap(claim)
        # Workers of earlier versions take only the job that a wake-up names; ours take the one whose turn it is.
        n_queued = self._job_store.n_queued()
        n_missing = n_queued - self._wake_ups.waiting() if n_queued else 0
        queued = self._job_store.queued(min(n_missing, MOST_SENT)) if n_missing > 0 else []
        for job in queued:
            self._wake_ups.notify(job)
        self._wake_beyond_smaller_workers(queued)

    def _wake_beyond_smaller_workers(self, queued: Sequence[str]) -> None:
        """Send more wake-ups where an idle worker could run a job for several devices and others would use them up.

        A worker with fewer devices takes a wake-up as well and does nothing. With one wake-up in every sweep, a job
        would wait for as many sweeps as such workers are idle.
        """
        needed = {devices: job for job, devices in zip(queued, self._job_store.devices_needed(queued), strict=True)}
        fewest = min((devices for devices in needed if devices > 1), default=None)
        if fewest is None:
            return
        idle = [worker.devices for worker in self._job_store.workers() if worker.running is None]
        if any(devices >= fewest for devices in idle):
            n_smaller = sum(devices < fewest for devices in idle)
            for _ in range(min(n_smaller, MOST_SENT)):
                self._wake_ups.notify(needed[fewest])

    def _expired_for_good(self) -> list[Claim]:
        now = self._clock()
        expired = {(claim.job, claim.fence): claim for claim in self._job_store.expired()}
        self._first_seen = {key: self._first_seen.get(key, now) for key in expired}
        return [claim for key, claim in expired.items() if now - self._first_seen[key] >= SECOND_LOOK_S]

    def _reap(self, claim: Claim) -> None:
        if self._job_store.get(claim.job).cancel_requested:
            self._job_store.end_cancelled(claim)
            return
        logger.warning("job %s: its worker was lost during attempt %d", claim.job, claim.attempt)
        self._job_store.retry_elsewhere(claim, _worker_lost(claim))


def _worker_lost(claim: Claim) -> JobFailure:
    return JobFailure(
        code="worker_lost",
        message=f"The worker was lost {claim.attempt} times while this job ran.",
        hint="See the worker's log and the machine's memory; then submit the job again.",
    )
