"""One claimed job and a scripted trainer: what becomes of the job's record when the worker stops or Redis is slow."""

import os
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.busy_machine import is_within
from tests.job_pages import page_of
from worker.job_store.connection import connect
from worker.job_store.store import JobStore
from worker.jobs.errors import NothingToFinish
from worker.jobs.plan import plan
from worker.jobs.records import Claim, History, JobFailure, JobRecord, Progress, PublishedModel
from worker.jobs.request import JobRequest
from worker.jobs.states import JobState
from worker.supervision import journal
from worker.supervision.job_trace import JobTrace
from worker.supervision.limits import NO_LIMITS, Limits
from worker.supervision.messages import (
    CommitGranted,
    CommitRequested,
    Failed,
    Finish,
    Order,
    Pause,
    Paused,
    ProgressMade,
    Published,
    Report,
)
from worker.supervision.supervisor import Supervisor
from worker.supervision.trainer_process import TrainerProcess
from worker.telemetry.tracing import NoTracing

PLAN = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2))
TRAINING = ProgressMade(progress=Progress(phase="training", epoch=1, step=1))
EVALUATING = ProgressMade(progress=Progress(phase="evaluating", epoch=2))
FAILED = Failed(failure=JobFailure(code="diverged", message="loss became nan"))
PUBLISHED = Published(model=PublishedModel(name="shirts", version=1, test_loss=0.5, test_accuracy=0.8))
PAUSE_GRACE_S = 30.0
PATIENT_S = 30.0


class ScriptedTrainer(TrainerProcess):
    """No process: sends the reports of its script in turn, calls the callables in it, and is silent afterwards."""

    def __init__(self, script: Sequence[Report | Callable[[], object]]) -> None:
        self._script = list(script)
        self.sent: list[Order | CommitGranted | Pause | Finish] = []

    @property
    def pid(self) -> int:
        return os.getpid()

    def send(self, message: Order | CommitGranted | Pause | Finish) -> None:
        self.sent.append(message)

    def receive(self, timeout_s: float) -> Report | None:
        if not self._script:
            time.sleep(timeout_s)
            return None
        said = self._script.pop(0)
        if callable(said):
            said()
            return None
        return said

    def stop(self, grace_s: float = 0.0) -> None:
        pass


class SlowJobStore(JobStore):
    """Redis answers late when a job asks whether it may publish."""

    def begin_commit(self, claim: Claim, version: int) -> bool:
        time.sleep(1.0)
        return super().begin_commit(claim, version)


@pytest.fixture
def job_store(redis_url: str) -> Iterator[JobStore]:
    with connect(redis_url) as client:
        yield SlowJobStore(client)


def worker_stops() -> None:
    """What Celery raises wherever a worker happens to be."""
    raise SystemExit


def supervise(
    job_store: JobStore, trainer: TrainerProcess, stall_timeout_s: float = 0.1, limits: Limits = NO_LIMITS
) -> JobRecord:
    claim = job_store.claim(job_store.submit(PLAN).id)
    assert claim is not None
    order = Order(job=claim.job, plan=PLAN, fence=1, claimed_at=0, store_url="", datasets_dir="", work_dir="")
    with JobTrace(NoTracing(), claim) as trace:
        Supervisor(job_store, claim, trainer, trace, 0.1, stall_timeout_s, PAUSE_GRACE_S, lambda: None, limits).run(
            order
        )
    return job_store.get(claim.job)


@pytest.mark.parametrize("last", [Paused(), FAILED, EVALUATING], ids=["saved", "failed", "over"])
def test_a_worker_that_stops_waits_no_longer_than_its_training_needs(job_store: JobStore, last: Report) -> None:
    trainer = ScriptedTrainer([TRAINING, worker_stops, TRAINING, last])
    began_at = time.monotonic()
    with pytest.raises(SystemExit):
        supervise(job_store, trainer)
    assert is_within(time.monotonic() - began_at, PAUSE_GRACE_S / 3)
    assert isinstance(trainer.sent[-1], Pause)
    (job,) = job_store.queued()
    assert job_store.get(job).attempt == 0


def test_a_lease_is_renewed_while_a_training_is_being_saved(redis_url: str) -> None:
    expired: list[Claim] = []
    with connect(redis_url) as client:
        job_store = JobStore(client, lease_s=1.5)
        saving = [lambda: time.sleep(0.25)] * 8
        trainer = ScriptedTrainer(
            [TRAINING, worker_stops, *saving, lambda: expired.extend(job_store.expired()), Paused()]
        )
        with pytest.raises(SystemExit):
            supervise(job_store, trainer)
    assert expired == []


def test_a_job_cancelled_while_it_is_being_saved_is_cancelled(job_store: JobStore) -> None:
    def cancel() -> None:
        job_store.cancel(page_of(job_store)[0][0].id)

    with pytest.raises(SystemExit):
        supervise(job_store, ScriptedTrainer([TRAINING, worker_stops, cancel]))
    assert page_of(job_store)[0][0].state is JobState.CANCELLED


def test_a_trainer_is_asked_once_to_finish(job_store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "HEARTBEAT_S", 0.0)  # one is due at every turn of the supervisor
    epoch = History().with_epoch({"loss": 1.0, "accuracy": 0.5, "val_loss": 1.1, "val_accuracy": 0.4})
    asked: list[JobRecord] = []

    def finish() -> None:
        asked.append(job_store.finish(page_of(job_store)[0][0].id))

    def nothing_yet() -> None:
        with pytest.raises(NothingToFinish):
            job_store.finish(page_of(job_store)[0][0].id)

    def beats() -> None:
        """Nothing to report, so that the supervisor has a turn."""

    trainer = ScriptedTrainer(
        [nothing_yet, TRAINING.model_copy(update={"history": epoch}), beats, finish, beats, TRAINING, beats, PUBLISHED]
    )
    record = supervise(job_store, trainer, PATIENT_S)
    assert [record.finish_requested for record in asked] == [True]
    assert sum(isinstance(message, Finish) for message in trainer.sent) == 1
    assert record.state is JobState.SUCCEEDED
    assert job_store.finish(record.id) == record


def test_a_trainer_that_waited_for_redis_did_not_hang(job_store: JobStore) -> None:
    record = supervise(job_store, ScriptedTrainer([CommitRequested(version=1), PUBLISHED]))
    assert record.state is JobState.SUCCEEDED, record.error


def test_a_word_to_a_trainer_that_was_stopped_is_lost() -> None:
    trainer = TrainerProcess(0, os.environ)
    trainer.stop()
    trainer.send(Pause())
    with pytest.raises(EOFError):
        trainer.receive(timeout_s=5)


def test_a_job_that_goes_beyond_a_limit_fails_at_once(job_store: JobStore) -> None:
    slow = supervise(job_store, ScriptedTrainer([TRAINING]), PATIENT_S, Limits(seconds=0.3))
    assert (slow.state, slow.attempt) == (JobState.FAILED, 1)
    assert slow.error is not None
    assert slow.error.code == "took_too_long"
    large = supervise(job_store, ScriptedTrainer([TRAINING]), PATIENT_S, Limits(memory_bytes=1_000_000))
    assert large.error is not None
    assert (large.state, large.error.code) == (JobState.FAILED, "out_of_memory")
    assert "CONVSERVE_TRAINER_MEMORY_BYTES" in large.error.message


def test_a_job_that_publishes_when_its_time_is_up_succeeds(job_store: JobStore) -> None:
    script: list[Report | Callable[[], object]] = [CommitRequested(version=1), lambda: time.sleep(0.5), PUBLISHED]
    fast = JobStore(job_store._redis)
    assert supervise(fast, ScriptedTrainer(script), PATIENT_S, Limits(seconds=0.4)).state is JobState.SUCCEEDED
