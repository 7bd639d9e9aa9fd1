import pytest
import redis

from tests.fakes import RecordingWakeUps
from tests.plans import planned
from worker.job_store.claims import MAX_ATTEMPTS
from worker.job_store.reaper import SECOND_LOOK_S, Reaper
from worker.job_store.store import JobStore
from worker.job_store.wake_ups import WakeUps
from worker.job_store.workers import claimant_of
from worker.jobs.plan import plan
from worker.jobs.records import Claim, History, Progress
from worker.jobs.request import JobRequest
from worker.jobs.states import JobState
from worker.jobs.workers import WorkerFacts
from worker.settings import WorkerSettings

PLAN = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2))


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class PatientReaper(Reaper):
    """Sweeps twice, the time for a second look apart."""

    def __init__(self, job_store: JobStore, wake_ups: WakeUps) -> None:
        self.time = Clock()
        super().__init__(job_store, wake_ups, self.time)

    def sweep(self) -> None:
        super().sweep()
        self.time.now += SECOND_LOOK_S
        super().sweep()


@pytest.fixture
def job_store(client: redis.Redis) -> JobStore:
    """Its leases have run out when they begin."""
    return JobStore(client, lease_s=-1.0)


@pytest.fixture
def lost(job_store: JobStore) -> str:
    """A running job whose worker has not been heard of for a whole lease."""
    return claimed(job_store, job_store.submit(PLAN).id).job


def claimed(job_store: JobStore, job: str) -> Claim:
    claim = job_store.claim(job)
    assert claim is not None
    return claim


def test_a_job_whose_worker_was_lost_is_queued_again_and_a_worker_is_notified(job_store: JobStore, lost: str) -> None:
    wake_ups = RecordingWakeUps()
    PatientReaper(job_store, wake_ups).sweep()
    assert job_store.get(lost).state is JobState.QUEUED
    assert set(wake_ups.notified) == {lost}


def test_a_worker_that_was_cut_off_with_redis_can_speak_up_before_its_job_is_taken(
    client: redis.Redis, job_store: JobStore
) -> None:
    claim = claimed(job_store, job_store.submit(PLAN).id)
    clock = Clock()
    reaper = Reaper(job_store, RecordingWakeUps(), clock)
    reaper.sweep()
    clock.now += SECOND_LOOK_S / 2
    JobStore(client).heartbeat(claim, Progress(), History())
    reaper.sweep()
    clock.now += SECOND_LOOK_S
    reaper.sweep()
    assert job_store.get(claim.job).state is JobState.RUNNING


def test_a_job_that_loses_every_worker_fails_at_last(job_store: JobStore, lost: str) -> None:
    reaper = PatientReaper(job_store, RecordingWakeUps())
    for _ in range(MAX_ATTEMPTS - 1):
        reaper.sweep()
        claimed(job_store, lost)
    reaper.sweep()
    record = job_store.get(lost)
    assert (record.state, record.attempt) == (JobState.FAILED, MAX_ATTEMPTS)
    assert record.error is not None
    assert record.error.code == "worker_lost"
    assert record.error.hint


def test_a_worker_lost_after_a_further_epoch_costs_no_attempt(job_store: JobStore) -> None:
    """As machines do that are taken away again and again; the third attempt that gets no further is the last."""
    reaper = PatientReaper(job_store, RecordingWakeUps())
    job = job_store.submit(PLAN).id
    claim = claimed(job_store, job)
    for n_done in (*range(1, 6), 5, 4, 5):
        done = (0.5,) * n_done
        history = History(loss=done, accuracy=done, val_loss=done, val_accuracy=done, learning_rate=done)
        job_store.heartbeat(claim, Progress(), history)
        reaper.sweep()
        if job_store.get(job).state is JobState.QUEUED:
            claim = claimed(job_store, job)
    record = job_store.get(job)
    assert (record.state, record.attempt) == (JobState.FAILED, 5 + MAX_ATTEMPTS)
    assert record.error is not None
    assert record.error.code == "worker_lost"


def test_a_job_that_was_to_be_cancelled_is_cancelled_when_its_worker_is_lost(job_store: JobStore, lost: str) -> None:
    job_store.cancel(lost)
    PatientReaper(job_store, RecordingWakeUps()).sweep()
    assert job_store.get(lost).state is JobState.CANCELLED


def test_a_job_whose_worker_is_heard_of_is_left_alone(client: redis.Redis, job_store: JobStore) -> None:
    claim = claimed(job_store, job_store.submit(PLAN).id)
    JobStore(client).heartbeat(claim, Progress(), History())
    wake_ups = RecordingWakeUps()
    PatientReaper(job_store, wake_ups).sweep()
    assert job_store.get(claim.job).state is JobState.RUNNING
    assert wake_ups.notified == []


def test_a_lost_wake_up_is_sent_again_but_no_second_time_while_one_waits(job_store: JobStore) -> None:
    job = job_store.submit(PLAN).id
    wake_ups = RecordingWakeUps()
    Reaper(job_store, wake_ups).sweep()
    wake_ups.n_waiting = 1
    Reaper(job_store, wake_ups).sweep()
    assert wake_ups.notified == [job]


def test_as_many_wake_ups_are_sent_as_are_missing(job_store: JobStore) -> None:
    jobs = [job_store.submit(PLAN).id for _ in range(3)]
    wake_ups = RecordingWakeUps()
    wake_ups.n_waiting = 1
    Reaper(job_store, wake_ups).sweep()
    assert wake_ups.notified == jobs[:2]


def test_a_sweep_sends_some_wake_ups_and_leaves_the_others_to_the_next(
    job_store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.job_store.reaper.MOST_SENT", 2)
    jobs = [job_store.submit(PLAN).id for _ in range(5)]
    wake_ups = RecordingWakeUps()
    for n_sent in (2, 4, 5, 5):
        Reaper(job_store, wake_ups).sweep()
        wake_ups.n_waiting = len(wake_ups.notified)
        assert wake_ups.n_waiting == n_sent
    assert set(wake_ups.notified) <= set(jobs)


def test_a_real_broker_counts_the_wake_ups_that_no_worker_has_taken(redis_url: str) -> None:
    wake_ups = WakeUps(WorkerSettings(redis_url=redis_url).broker_url)
    assert wake_ups.waiting() == 0
    wake_ups.notify("a")
    wake_ups.notify("b")
    assert wake_ups.waiting() == 2


def test_an_idle_worker_with_the_devices_is_woken_beside_smaller_ones(job_store: JobStore) -> None:
    for number in range(3):
        job_store.announce(f"small-{number}", 10**9)
    wide = job_store.submit(planned(devices=2)).id
    wake_ups = RecordingWakeUps()
    Reaper(job_store, wake_ups).sweep()
    assert wake_ups.notified == [wide], "nobody could run it: the smaller ones are left alone"
    job_store.announce("large", 10**9, WorkerFacts(devices=2))
    Reaper(job_store, wake_ups).sweep()
    assert wake_ups.notified == [wide] * 5
    job_store.claim(claimant=claimant_of("large"), devices=2)
    waits = job_store.submit(planned(devices=2)).id
    Reaper(job_store, wake_ups).sweep()
    assert wake_ups.notified[5:] == [waits], "the large one is busy"
