"""What a worker does with a bell: claim the job, give it to the spare trainer, prepare the next one.

Lives in Celery's pool process, which imports no Keras. The spare is a trainer that has imported Keras and waits: it
turns the seconds of importing into time nobody waits for.
"""

import logging
import os
import time

from model_store import StoreUnavailable, open_store
from worker.errors import QueueUnavailable
from worker.job_trace import JobTrace
from worker.jobs import JobBook, connect
from worker.logs import log_context
from worker.messages import Order
from worker.records import Claim
from worker.settings import WorkerSettings
from worker.supervisor import Supervisor
from worker.tracing import open_tracing
from worker.trainer_process import TrainerProcess

DRAFT_GIVEN_UP_S = 6 * 3600.0  # longer than any upload takes

logger = logging.getLogger(__name__)


class Runner:
    """Runs jobs one after another."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._book = JobBook(connect(settings.redis_url))
        self._tracing = open_tracing(settings, "worker")
        self._sweep_store()
        self._spare: TrainerProcess | None = None
        self._prepare_spare()

    def run(self, job: str) -> None:
        """Run a job if it is there to be claimed; a bell rung twice does nothing the second time."""
        try:
            claim = self._book.claim(job)
        except QueueUnavailable as error:
            logger.warning("job %s: not claimed, Redis does not answer: %s", job, error.reason)
            return
        if claim is None:
            return
        claimed_at = time.time()
        with log_context(job=job, request_id=claim.origin.request_id), JobTrace(self._tracing, claim) as trace:
            self._supervise(claim, claimed_at, trace)
        self._prepare_spare()

    def close(self) -> None:
        """End the spare trainer, and send what is left of the traces."""
        if self._spare is not None:
            self._spare.stop()
            self._spare = None
        self._tracing.close()

    def _supervise(self, claim: Claim, claimed_at: float, trace: JobTrace) -> None:
        trainer = self._take_spare()
        supervisor = Supervisor(
            self._book, claim, trainer, trace, self._settings.cancel_grace_s, on_training=self._prepare_spare
        )
        supervisor.run(self._order(claim, trainer, claimed_at))

    def _sweep_store(self) -> None:
        """Remove what publishers that died left behind; a store that is away now is swept at the next start."""
        try:
            n_files = open_store(self._settings.store_location).sweep(DRAFT_GIVEN_UP_S)
        except StoreUnavailable as error:
            logger.warning("the store was not swept: %s", error)
            return
        if n_files:
            logger.info("swept %d files of versions that were never published", n_files)

    def _order(self, claim: Claim, trainer: TrainerProcess, claimed_at: float) -> Order:
        mirrors = {"cifar10": self._settings.cifar10_url, "fashion_mnist": self._settings.fashion_mnist_url}
        return Order(
            job=claim.job,
            request=claim.request,
            claimed_at=claimed_at,
            store_url=self._settings.store_location,
            datasets_dir=str(self._settings.datasets_path.absolute()),
            sources={name: url for name, url in mirrors.items() if url},
            work_dir=str(trainer.work_dir),
        )

    def _take_spare(self) -> TrainerProcess:
        spare, self._spare = self._spare, None
        if spare is not None and spare.is_alive():
            return spare
        if spare is not None:
            logger.warning("the spare trainer had died: %s", spare.last_words())
            spare.stop()
        return self._spawn()

    def _prepare_spare(self) -> None:
        if self._settings.spare_trainer and self._spare is None:
            self._spare = self._spawn()

    def _spawn(self) -> TrainerProcess:
        # Keras chooses its backend when it is imported, and TensorFlow's start-up messages help nobody.
        quiet = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}
        return TrainerProcess(self._settings.trainer_niceness, quiet | os.environ)
