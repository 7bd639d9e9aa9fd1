"""What a worker does on a wake-up: claim the job whose turn it is, give it to the spare trainer, prepare the next one.

Runs in Celery's pool process, which imports no Keras.
"""

import logging
import time

from model_store import StoreError, StoreUnavailable, open_store
from worker.job_store.claims import MAX_ATTEMPTS
from worker.job_store.connection import connect
from worker.job_store.keys import new_id
from worker.job_store.store import JobStore
from worker.job_store.workers import claimant_of
from worker.jobs.errors import QueueUnavailable
from worker.jobs.records import Claim, Progress
from worker.jobs.states import JobState
from worker.settings import WorkerSettings
from worker.supervision.failures import NOT_PUBLISHED, STORE_SILENT, trainer_not_started
from worker.supervision.gpus import usable_devices
from worker.supervision.host_memory import most_trainer_bytes
from worker.supervision.job_trace import JobTrace
from worker.supervision.journal import insist
from worker.supervision.limits import Limits, memory_limit
from worker.supervision.messages import Order
from worker.supervision.settling import settle
from worker.supervision.spare_trainer import SpareTrainer
from worker.supervision.supervisor import Supervisor
from worker.supervision.trainer_process import TrainerProcess
from worker.supervision.work_dirs import sweep_work_dirs
from worker.telemetry.logs import log_context
from worker.telemetry.tracing import open_tracing
from worker.tensorboard.run_folders import RunFolder

DRAFT_GIVEN_UP_S = 6 * 3600.0  # longer than any upload takes
SWEEP_EVERY_S = 3600.0
CLAIM_RETRY_S = 1.0
LEFTOVERS_IDLE_S = 3600.0

logger = logging.getLogger(__name__)


class Runner:
    """Runs jobs one after another.

    Args:
        settings: of the worker.
        worker: its name, with which the names of its claims begin.
    """

    def __init__(self, settings: WorkerSettings, worker: str = "") -> None:
        self._worker = worker or new_id()
        self._settings = settings
        self._job_store = JobStore(connect(settings.redis_url), settings.lease_s, settings.fair_half_life_s)
        self._tracing = open_tracing(settings.otel_endpoint, settings.otel_service_name, "worker")
        self._next_sweep = 0.0
        if n_directories := sweep_work_dirs():
            logger.info("swept %d directories of trainers that were killed", n_directories)
        self._sweep_store_when_due()
        self._devices = usable_devices(settings.virtual_devices)
        self._spare = SpareTrainer(settings)
        self._spare.prepare()

    def run(self) -> None:
        """Run the job whose turn it is; a wake-up does nothing when no job waits."""
        self._spare.await_process()
        # Asked until there is an answer: a claim that Redis made while it hung would cost the job an attempt.
        claimant = claimant_of(self._worker)
        claim = insist(
            "of the next turn", lambda: self._job_store.claim(claimant=claimant, devices=self._devices), CLAIM_RETRY_S
        )
        if claim is None:
            return
        claimed_at = time.time()
        with log_context(job=claim.job, request_id=claim.origin.request_id), JobTrace(self._tracing, claim) as trace:
            try:
                if not self._is_settled(claim, trace):
                    self._supervise(claim, claimed_at, trace)
            except SystemExit:
                # Told to stop before the supervisor began. If it gave the job back already, this does nothing.
                self._give_back(claim)
                raise
        self._drop_leftovers(claim.job)
        self._spare.prepare()
        self._sweep_store_when_due()

    def close(self) -> None:
        """End the spare trainer and send the remaining traces."""
        self._spare.close()
        self._tracing.close()

    def _give_back(self, claim: Claim) -> None:
        try:
            self._job_store.give_back(claim)
        except QueueUnavailable as error:
            logger.warning("job %s: not given back, Redis does not answer: %s", claim.job, error.reason)

    def _supervise(self, claim: Claim, claimed_at: float, trace: JobTrace) -> None:
        limits = self._limits(claim)
        try:
            trainer = self._spare.take()
        except OSError as error:
            logger.exception("job %s: no trainer can be started", claim.job)
            failure = trainer_not_started(error)
            self._job_store.retry(claim, failure)
            trace.end(JobState.QUEUED, failure.code)
            return
        supervisor = Supervisor(
            self._job_store,
            claim,
            trainer,
            trace,
            self._settings.cancel_grace_s,
            self._settings.stall_timeout_s,
            self._settings.pause_grace_s,
            on_training=self._spare.prepare,
            limits=limits,
            run_folder=RunFolder(self._settings.tensorboard_path, f"{claim.plan.model}-{claim.job}"),
        )
        supervisor.run(self._order(claim, trainer, claimed_at))

    def _limits(self, claim: Claim) -> Limits:
        setting = self._settings.trainer_memory_bytes
        memory_bytes = memory_limit(setting, most_trainer_bytes(setting), claim.estimated_bytes)
        return Limits(self._settings.max_job_s, memory_bytes)

    def _is_settled(self, claim: Claim, trace: JobTrace) -> bool:
        """Whether nothing is left to train: an earlier attempt has published, may have, or was the last one."""
        if claim.draft is None:
            return False
        try:
            published = settle(open_store(self._settings.store_location), claim)
        except StoreError as error:
            logger.warning("job %s: cannot tell whether it was published: %s", claim.job, error)
            if claim.counted_attempts >= MAX_ATTEMPTS:
                self._job_store.end_commit(claim)  # no later attempt will find out
            self._job_store.retry(claim, STORE_SILENT)
            trace.end(JobState.QUEUED, STORE_SILENT.code)
            return True
        if published is None:
            self._job_store.end_commit(claim)
            if claim.counted_attempts > MAX_ATTEMPTS:
                self._job_store.fail(claim, NOT_PUBLISHED)
                trace.end(JobState.FAILED, NOT_PUBLISHED.code)
            return claim.counted_attempts > MAX_ATTEMPTS
        epochs = len(published.history.loss)
        self._job_store.heartbeat(claim, Progress(phase="publishing", epoch=epochs, epochs=epochs), published.history)
        self._job_store.succeed(claim, published.model)
        trace.end(JobState.SUCCEEDED)
        logger.info("job %s: version %d was already published", claim.job, published.model.version)
        return True

    def _drop_leftovers(self, job: str) -> None:
        """Remove the checkpoints and the uploaded file of a job that has ended."""
        try:
            if self._job_store.is_over(job):
                store = open_store(self._settings.store_location)
                store.checkpoints.delete(job)
                store.imports.delete(job)
        except (QueueUnavailable, StoreUnavailable) as error:
            logger.warning("job %s: its temporary files in the store stay until the next sweep: %s", job, error)

    def _sweep_store_when_due(self) -> None:
        """Remove what dead publishers left behind; a store that does not answer is swept another time."""
        if time.monotonic() < self._next_sweep:
            return
        self._next_sweep = time.monotonic() + SWEEP_EVERY_S
        store = open_store(self._settings.store_location)
        try:
            n_files = store.sweep(DRAFT_GIVEN_UP_S)
            idle = {*store.checkpoints.idle_jobs(LEFTOVERS_IDLE_S), *store.imports.idle_jobs(LEFTOVERS_IDLE_S)}
        except StoreUnavailable as error:
            logger.warning("the store was not swept: %s", error)
            return
        for job in sorted(idle):
            self._drop_leftovers(job)
        if n_files:
            logger.info("swept %d files of versions that were never published", n_files)

    def _order(self, claim: Claim, trainer: TrainerProcess, claimed_at: float) -> Order:
        mirrors = {
            "cifar10": self._settings.cifar10_url,
            "cifar100": self._settings.cifar100_url,
            "fashion_mnist": self._settings.fashion_mnist_url,
            "mnist": self._settings.mnist_url,
        }
        return Order(
            job=claim.job,
            plan=claim.plan,
            fence=claim.fence,
            claimed_at=claimed_at,
            store_url=self._settings.store_location,
            datasets_dir=str(self._settings.datasets_path.absolute()),
            sources={name: url for name, url in mirrors.items() if url},
            work_dir=str(trainer.work_dir),
            min_free_bytes=self._settings.min_free_bytes,
            owner=claim.owner,
            tags=claim.tags,
            note=claim.note,
        )
