"""Announces a worker in the job store, so that the API knows who runs jobs and how large a training can be."""

import logging
import socket
import threading
from datetime import UTC, datetime

from worker.job_store.store import JobStore
from worker.jobs.errors import QueueUnavailable
from worker.jobs.exported import exportable
from worker.jobs.workers import WorkerFacts
from worker.supervision.gpus import gpus

logger = logging.getLogger(__name__)

INTERVAL_S = 10.0


class Announcer(threading.Thread):
    """Announces the worker again and again, until its process ends.

    Args:
        job_store: where the worker is announced.
        worker: its name, with which the names of its claims begin.
        trainer_bytes: most memory that this worker allows a trainer.
        devices: among which it can divide a training.
    """

    def __init__(self, job_store: JobStore, worker: str, trainer_bytes: int, devices: int = 1) -> None:
        super().__init__(name="announcer", daemon=True)
        self._job_store = job_store
        self._trainer_bytes = trainer_bytes
        self._worker = worker
        self._devices = devices
        self._since = datetime.now(UTC)
        self._stopped = threading.Event()

    def run(self) -> None:
        """Announce until stopped; a server that does not answer is told the next time."""
        while True:
            try:
                self._job_store.announce(self._worker, self._trainer_bytes, self._facts())
            except QueueUnavailable as error:
                logger.debug("not announced, Redis does not answer: %s", error.reason)
            if self._stopped.wait(INTERVAL_S):
                return

    def _facts(self) -> WorkerFacts:
        return WorkerFacts(
            host=socket.gethostname(),
            since=self._since,
            gpus=gpus(),
            devices=self._devices,
            exports=exportable(),
        )

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
