import pytest

from tests.fakes import SilentBell
from worker import jobs
from worker.bell import Bell
from worker.jobs import JobBook, connect
from worker.reaper import MAX_ATTEMPTS, Reaper
from worker.records import History, Progress
from worker.requests import JobRequest, plan
from worker.settings import WorkerSettings
from worker.states import JobState

REQUEST = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2))


@pytest.fixture
def book(redis_url: str) -> JobBook:
    return JobBook(connect(redis_url))


@pytest.fixture
def lost(book: JobBook, monkeypatch: pytest.MonkeyPatch) -> str:
    """A running job whose worker has not been heard of for a whole lease."""
    monkeypatch.setattr(jobs, "LEASE_S", -1.0)
    job = book.submit(REQUEST).id
    assert book.claim(job)
    return job


def test_a_job_whose_worker_was_lost_is_queued_again_and_its_bell_rings(book: JobBook, lost: str) -> None:
    bell = SilentBell()
    Reaper(book, bell).sweep()
    assert book.get(lost).state is JobState.QUEUED
    assert bell.rung == [lost]


def test_a_job_that_loses_every_worker_fails_at_last(book: JobBook, lost: str) -> None:
    reaper = Reaper(book, SilentBell())
    for _ in range(MAX_ATTEMPTS - 1):
        reaper.sweep()
        assert book.claim(lost)
    reaper.sweep()
    record = book.get(lost)
    assert (record.state, record.attempt) == (JobState.FAILED, MAX_ATTEMPTS)
    assert record.error is not None
    assert record.error.code == "worker_lost"


def test_a_job_that_was_to_be_cancelled_is_cancelled_when_its_worker_is_lost(book: JobBook, lost: str) -> None:
    book.cancel(lost)
    Reaper(book, SilentBell()).sweep()
    assert book.get(lost).state is JobState.CANCELLED


def test_a_job_whose_worker_is_heard_of_is_left_alone(book: JobBook) -> None:
    claim = book.claim(book.submit(REQUEST).id)
    assert claim is not None
    book.heartbeat(claim, Progress(), History())
    bell = SilentBell()
    Reaper(book, bell).sweep()
    assert book.get(claim.job).state is JobState.RUNNING
    assert bell.rung == []


def test_a_lost_bell_is_rung_again_but_no_second_time_while_one_waits(book: JobBook) -> None:
    job = book.submit(REQUEST).id
    bell = SilentBell()
    Reaper(book, bell).sweep()
    bell.n_waiting = 1
    Reaper(book, bell).sweep()
    assert bell.rung == [job]


def test_a_real_bell_counts_what_no_worker_has_taken(redis_url: str) -> None:
    bell = Bell(WorkerSettings(redis_url=redis_url).broker_url)
    assert bell.waiting() == 0
    bell.ring("a")
    bell.ring("b")
    assert bell.waiting() == 2
