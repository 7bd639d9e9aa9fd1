"""Moves finished jobs from Redis into the ledger when there are more of them than a setting allows.

Every API process has an archivist; one at a time writes. A job is in the ledger before it leaves Redis, so that it is
found at any moment, and one that was written twice because a process died in between is only removed the second time.
"""

import logging
import threading

from worker.job_store.store import JobStore
from worker.jobs.errors import QueueUnavailable
from worker.ledger.archive import Archive
from worker.ledger.entries import entry_of

logger = logging.getLogger(__name__)

INTERVAL_S = 5.0
SEGMENT_JOBS = 256
"""Measured: a segment of 256 jobs of ten epochs has about 60 kB, and one of its logs is found in 5 ms."""


class Archivist(threading.Thread):
    """Looks every few seconds, for as long as its process lives.

    Args:
        job_store: from which finished jobs are taken.
        archive: to which they go.
        kept: how many finished jobs stay in Redis.
        segment_jobs: how many are moved at once; fewer are left where they are.
    """

    def __init__(self, job_store: JobStore, archive: Archive, kept: int, segment_jobs: int = SEGMENT_JOBS) -> None:
        super().__init__(name="archivist", daemon=True)
        self._job_store = job_store
        self._archive = archive
        self._kept = kept
        self._segment_jobs = segment_jobs
        self._is_continued = False
        self._stopped = threading.Event()

    def run(self) -> None:
        """Move jobs until stopped; what does not succeed is tried again."""
        while True:
            try:
                while self.move() and not self._stopped.is_set():
                    pass
            except QueueUnavailable as error:
                logger.debug("finished jobs stay in Redis for now: %s", error.reason)
            except Exception:  # the thread's boundary: without an archivist, Redis would fill up
                if self._stopped.is_set():
                    return  # the connection was closed at the end of the process
                logger.exception("finished jobs were not moved to the store; it is tried again")
            if self._stopped.wait(INTERVAL_S):
                return

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def move(self) -> int:
        """Move one segment of jobs if there are enough, and return how many."""
        if not self._is_continued:
            self._job_store.continue_after(self._archive.last_sequence())
            self._is_continued = True
        if not self._job_store.retirable(self._kept, self._segment_jobs):
            return 0
        with self._archive.writing():
            found = self._job_store.retirable(self._kept, self._segment_jobs)
            if not found:
                return 0
            ids = [job.id for job in found]
            known = self._archive.records(ids)
            records = {record.id: record for record in self._job_store.existing(ids)}
            new = [job for job in found if job.id in records and job.id not in known]
            if new:
                logs = self._job_store.logs_here([job.id for job in new])
                self._archive.add(
                    [entry_of(job.sequence, records[job.id], log) for job, log in zip(new, logs, strict=True)]
                )
            # What a newer version of the program has written is left to a process that can read it.
            moved = [job for job in ids if job in known or job in records]
            self._job_store.retire(moved)
        logger.info("moved %d finished jobs to the store", len(moved))
        return len(moved)
