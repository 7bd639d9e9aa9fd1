import pytest
import redis

from tests.fakes import SilentBell
from worker.bell import Bell
from worker.jobs import MAX_ATTEMPTS, JobBook, connect
from worker.reaper import SECOND_LOOK_S, Reaper
from worker.records import Claim, History, Progress
from worker.requests import JobRequest, plan
from worker.settings import WorkerSettings
from worker.states import JobState

REQUEST = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2))


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class PatientReaper(Reaper):
    """Sweeps twice, the time for a second look apart."""

    def __init__(self, book: JobBook, bell: Bell) -> None:
        self.time = Clock()
        super().__init__(book, bell, self.time)

    def sweep(self) -> None:
        super().sweep()
        self.time.now += SECOND_LOOK_S
        super().sweep()


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return connect(redis_url)


@pytest.fixture
def book(client: redis.Redis) -> JobBook:
    """Its leases have run out when they begin."""
    return JobBook(client, lease_s=-1.0)


@pytest.fixture
def lost(book: JobBook) -> str:
    """A running job whose worker has not been heard of for a whole lease."""
    return claimed(book, book.submit(REQUEST).id).job


def claimed(book: JobBook, job: str) -> Claim:
    claim = book.claim(job)
    assert claim is not None
    return claim


def test_a_job_whose_worker_was_lost_is_queued_again_and_its_bell_rings(book: JobBook, lost: str) -> None:
    bell = SilentBell()
    PatientReaper(book, bell).sweep()
    assert book.get(lost).state is JobState.QUEUED
    assert set(bell.rung) == {lost}


def test_a_worker_that_was_cut_off_with_redis_can_speak_up_before_its_job_is_taken(
    client: redis.Redis, book: JobBook
) -> None:
    claim = claimed(book, book.submit(REQUEST).id)
    clock = Clock()
    reaper = Reaper(book, SilentBell(), clock)
    reaper.sweep()
    clock.now += SECOND_LOOK_S / 2
    JobBook(client).heartbeat(claim, Progress(), History())
    reaper.sweep()
    clock.now += SECOND_LOOK_S
    reaper.sweep()
    assert book.get(claim.job).state is JobState.RUNNING


def test_a_job_that_loses_every_worker_fails_at_last(book: JobBook, lost: str) -> None:
    reaper = PatientReaper(book, SilentBell())
    for _ in range(MAX_ATTEMPTS - 1):
        reaper.sweep()
        claimed(book, lost)
    reaper.sweep()
    record = book.get(lost)
    assert (record.state, record.attempt) == (JobState.FAILED, MAX_ATTEMPTS)
    assert record.error is not None
    assert record.error.code == "worker_lost"
    assert record.error.hint


def test_a_job_that_was_to_be_cancelled_is_cancelled_when_its_worker_is_lost(book: JobBook, lost: str) -> None:
    book.cancel(lost)
    PatientReaper(book, SilentBell()).sweep()
    assert book.get(lost).state is JobState.CANCELLED


def test_a_job_whose_worker_is_heard_of_is_left_alone(client: redis.Redis, book: JobBook) -> None:
    claim = claimed(book, book.submit(REQUEST).id)
    JobBook(client).heartbeat(claim, Progress(), History())
    bell = SilentBell()
    PatientReaper(book, bell).sweep()
    assert book.get(claim.job).state is JobState.RUNNING
    assert bell.rung == []


def test_a_lost_bell_is_rung_again_but_no_second_time_while_one_waits(book: JobBook) -> None:
    job = book.submit(REQUEST).id
    bell = SilentBell()
    Reaper(book, bell).sweep()
    bell.n_waiting = 1
    Reaper(book, bell).sweep()
    assert bell.rung == [job]


def test_a_job_without_a_bell_does_not_starve_behind_those_that_have_one(book: JobBook) -> None:
    jobs = [book.submit(REQUEST).id for _ in range(3)]
    bell = SilentBell()
    bell.n_waiting = 2
    Reaper(book, bell).sweep()
    assert bell.rung == jobs


def test_a_real_bell_counts_what_no_worker_has_taken(redis_url: str) -> None:
    bell = Bell(WorkerSettings(redis_url=redis_url).broker_url)
    assert bell.waiting() == 0
    bell.ring("a")
    bell.ring("b")
    assert bell.waiting() == 2
