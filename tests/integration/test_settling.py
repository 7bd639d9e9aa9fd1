"""A job lost its last attempt while publishing: the next claim finds out whether the version exists."""

from collections.abc import Callable
from pathlib import Path

import pytest

from model_store import ModelStore, VersionFacts, VersionNotFound, open_store
from tests.unit.model_store.published import facts
from worker.job_store.claims import MAX_ATTEMPTS
from worker.job_store.store import JobStore
from worker.jobs.plan import plan
from worker.jobs.records import Claim, History, JobFailure, JobRecord
from worker.jobs.request import JobRequest
from worker.jobs.states import JobState
from worker.settings import WorkerSettings
from worker.supervision.runner import Runner
from worker.supervision.spare_trainer import SpareTrainer

PLAN = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2, model="shirts"))
LOST = JobFailure(code="trainer_died", message="The training process was killed.")
HISTORY = History(loss=(1.0, 0.5), accuracy=(0.5, 0.8), val_loss=(1.1, 0.6), val_accuracy=(0.4, 0.7))
LOSSES: dict[str, Callable[[JobStore, Claim], bool]] = {
    "killed": lambda job_store, claim: job_store.retry(claim, LOST),
    "ended": lambda job_store, claim: job_store.fail(claim, LOST),
}


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> WorkerSettings:
    return WorkerSettings(redis_url=redis_url, data_dir=tmp_path, spare_trainer=False)


@pytest.fixture
def store(settings: WorkerSettings) -> ModelStore:
    return open_store(settings.store_location)


def lose_while_publishing(job_store: JobStore, store: ModelStore, loss: str, *, is_committed: bool) -> str:
    """A job whose last attempt was allowed to publish and then lost its trainer."""
    job = job_store.submit(PLAN).id
    for _ in range(MAX_ATTEMPTS - 1):
        claim = job_store.claim(job)
        assert claim is not None
        assert job_store.retry(claim, LOST)
    claim = job_store.claim(job)
    assert claim is not None
    with store.draft("shirts") as draft:
        draft.add("history.json", HISTORY.model_dump_json().encode())
        assert job_store.begin_commit(claim, draft.number)
        if is_committed:
            draft.commit(facts_of(job))
    assert LOSSES[loss](job_store, claim)
    return job


def facts_of(job: str) -> VersionFacts:
    return facts(job=job, metrics={"test_loss": 0.5, "test_accuracy": 0.8})


def settled(settings: WorkerSettings, job_store: JobStore, job: str) -> JobRecord:
    assert job_store.get(job).state is JobState.QUEUED
    assert job_store.get(job).error is None
    runner = Runner(settings)
    runner.run()
    runner.close()
    return job_store.get(job)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_version_that_was_published_in_the_last_attempt_ends_the_job_well(
    settings: WorkerSettings, job_store: JobStore, store: ModelStore, loss: str
) -> None:
    job = lose_while_publishing(job_store, store, loss, is_committed=True)
    record = settled(settings, job_store, job)
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.model is not None
    assert (record.model.version, record.model.test_accuracy) == (1, 0.8)
    assert record.history == HISTORY


@pytest.mark.parametrize("loss", LOSSES)
def test_a_version_that_was_not_published_in_the_last_attempt_never_will_be_and_the_job_has_failed(
    settings: WorkerSettings, job_store: JobStore, store: ModelStore, loss: str
) -> None:
    job = lose_while_publishing(job_store, store, loss, is_committed=False)
    record = settled(settings, job_store, job)
    assert record.state is JobState.FAILED
    assert record.error is not None
    assert (record.error.code, bool(record.error.hint)) == ("worker_lost", True)
    with store.draft("shirts") as draft:
        assert draft.number == 2
        draft.add("history.json", b"{}")
        draft.commit(facts_of("another"))
    with pytest.raises(VersionNotFound):
        store.manifest("shirts", 1)


def test_a_version_that_cannot_be_read_is_asked_for_once_and_the_job_has_failed(
    settings: WorkerSettings, job_store: JobStore, store: ModelStore
) -> None:
    job = lose_while_publishing(job_store, store, "killed", is_committed=True)
    (settings.data_dir / "store/models/shirts/versions/1/manifest.json").write_bytes(b"\x00")
    record = settled(settings, job_store, job)
    assert record.error is not None
    assert record.error.code == "store_unavailable"


def test_a_worker_that_cannot_start_a_trainer_costs_an_attempt_and_goes_on(
    settings: WorkerSettings, job_store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/dev/null/nowhere")
    runner = Runner(settings.model_copy(update={"spare_trainer": True}))
    job = job_store.submit(PLAN).id
    for attempt in range(1, MAX_ATTEMPTS + 1):
        runner.run()
        assert job_store.get(job).attempt == attempt
    runner.close()
    record = job_store.get(job)
    assert record.error is not None
    assert "could not be started: Not a directory" in record.error.message


def test_a_worker_told_to_stop_before_training_gives_its_job_back_uncharged(
    settings: WorkerSettings, job_store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: SpareTrainer) -> None:
        raise SystemExit

    monkeypatch.setattr(SpareTrainer, "take", stop)
    job = job_store.submit(PLAN).id
    with pytest.raises(SystemExit):
        Runner(settings).run()
    assert (job_store.get(job).state, job_store.get(job).attempt) == (JobState.QUEUED, 0)
