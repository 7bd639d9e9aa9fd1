from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from tests.job_pages import page_of
from worker.job_store import claims
from worker.job_store.claims import MAX_ATTEMPTS
from worker.job_store.connection import connect
from worker.job_store.keys import events_key, job_key
from worker.job_store.store import JobStore
from worker.jobs.allowances import Allowance
from worker.jobs.errors import (
    AllowanceExceeded,
    ClaimLost,
    IdempotencyConflict,
    JobNotFinished,
    JobNotFound,
    QueueUnavailable,
)
from worker.jobs.labels import Labels
from worker.jobs.plan import plan
from worker.jobs.records import Claim, History, JobFailure, JobRecord, Origin, Progress, PublishedModel
from worker.jobs.request import JobRequest
from worker.jobs.states import JobState

PLAN = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2))
MODEL = PublishedModel(name="shirts", version=1, test_loss=0.5, test_accuracy=0.8)
FAILURE = JobFailure(code="diverged", message="loss became nan")


def submitted(job_store: JobStore) -> JobRecord:
    return job_store.submit(PLAN)


def test_a_submitted_job_is_queued_and_knows_its_place(job_store: JobStore) -> None:
    first, second = submitted(job_store), submitted(job_store)
    assert first.state is JobState.QUEUED
    assert first.request == PLAN
    assert (job_store.get(first.id).position, job_store.get(second.id).position) == (1, 2)


def test_a_job_and_its_claim_name_the_request_that_submitted_it(job_store: JobStore) -> None:
    origin = Origin(request_id="r-1", traceparent="00-" + "ab" * 16 + "-" + "cd" * 8 + "-01")
    job = job_store.submit(PLAN, "key", "digest", origin)
    assert job.submitted_by == "r-1"
    assert job_store.submit(PLAN, "key", "digest", Origin(request_id="r-2")).submitted_by == "r-1"
    claim = job_store.claim(job.id)
    assert claim is not None
    assert claim.origin == origin
    assert job_store.give_back(claim)
    again = job_store.claim(job.id)
    assert again is not None
    assert again.origin == origin
    unknown = job_store.claim(submitted(job_store).id)
    assert unknown is not None
    assert unknown.origin == Origin()


def test_a_claim_says_whose_the_version_will_be_and_what_was_said_about_the_job(job_store: JobStore) -> None:
    job = job_store.submit(PLAN, labels=Labels(tags=("week-3", "b"), note="again"), owner="ada")
    claim, plain = job_store.claim(job.id), job_store.claim(submitted(job_store).id)
    assert claim is not None
    assert plain is not None
    assert (claim.owner, claim.tags, claim.note) == ("ada", ("week-3", "b"), "again")
    assert (plain.owner, plain.tags, plain.note) == ("local", (), None)


def test_an_empty_store_is_all_zeros(job_store: JobStore) -> None:
    overview = job_store.overview()
    assert overview.jobs == dict.fromkeys(JobState, 0)
    assert (overview.queued, overview.longest_wait_s, overview.images_per_second) == (0, 0, 0)


def test_the_overview_counts_every_job_where_it_is(job_store: JobStore) -> None:
    for _ in range(3):
        submitted(job_store)
    claims = [claim for claim in map(job_store.claim, job_store.queued()) if claim]
    job_store.succeed(claims[0], MODEL)
    job_store.heartbeat(claims[1], Progress(phase="training", images_per_second=1000.5), History())
    job_store.heartbeat(claims[2], Progress(phase="evaluating"), History())
    for _ in range(4):
        submitted(job_store)
    job_store.cancel(submitted(job_store).id)
    overview = job_store.overview()
    assert overview.jobs == {
        JobState.QUEUED: 4,
        JobState.RUNNING: 2,
        JobState.SUCCEEDED: 1,
        JobState.FAILED: 0,
        JobState.CANCELLED: 1,
    }
    assert overview.queued == 4
    assert overview.images_per_second == 1000.5


def test_the_longest_wait_begins_anew_when_a_job_comes_back_into_the_queue(
    job_store: JobStore, client: redis.Redis
) -> None:
    first, second = submitted(job_store).id, submitted(job_store).id
    for job, seconds in ((first, 100), (second, 60)):
        since = float(str(client.hget(f"convserve:job:{job}", "queued_at")))
        client.hset(f"convserve:job:{job}", "queued_at", str(since - seconds))
    assert 100 <= job_store.overview().longest_wait_s < 130
    claim = job_store.claim(first)
    assert claim is not None
    assert job_store.give_back(claim)
    assert 60 <= job_store.overview().longest_wait_s < 90


def test_a_job_is_claimed_once_however_many_try(job_store: JobStore) -> None:
    job = submitted(job_store).id
    with ThreadPoolExecutor(16) as pool:
        claims = [claim for claim in pool.map(lambda _: job_store.claim(job), range(64)) if claim]
    assert len(claims) == 1
    assert claims[0].plan == PLAN
    record = job_store.get(job)
    assert (record.state, record.attempt, record.position) == (JobState.RUNNING, 1, None)


def test_a_claimant_that_did_not_hear_the_answer_gets_its_claim_again(job_store: JobStore) -> None:
    job = submitted(job_store).id
    claims = [job_store.claim(job, "mine"), job_store.claim(job, "mine")]
    assert claims[0] is not None
    assert claims[0] == claims[1]
    assert job_store.get(job).attempt == 1
    assert job_store.claim(job, "another") is None
    assert job_store.give_back(claims[0])
    again = job_store.claim(job, "mine")
    assert again is not None
    assert again.fence > claims[0].fence


def test_a_submission_that_is_sent_twice_does_not_put_back_a_running_job(
    job_store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.job_store.keys.new_id", lambda: "samesame22")
    assert job_store.claim(submitted(job_store).id)
    record = submitted(job_store)
    assert (record.state, record.attempt) == (JobState.RUNNING, 1)
    assert job_store.queued() == []


def test_progress_and_history_are_kept(job_store: JobStore) -> None:
    claim = job_store.claim(submitted(job_store).id)
    assert claim is not None
    history = History().with_epoch({"loss": 1.0, "accuracy": 0.5, "val_loss": 1.1, "val_accuracy": 0.4})
    assert job_store.heartbeat(claim, Progress(phase="training", epoch=1, epochs=2), history, "epoch") is False
    record = job_store.get(claim.job)
    assert record.progress.phase == "training"
    assert record.history == history


ENDS: dict[str, Callable[[JobStore, Claim], bool]] = {
    "succeed": lambda job_store, claim: job_store.succeed(claim, MODEL),
    "fail": lambda job_store, claim: job_store.fail(claim, FAILURE),
    "cancel": lambda job_store, claim: job_store.end_cancelled(claim),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_finished_job_moves_no_more(job_store: JobStore, end: str) -> None:
    claim = job_store.claim(submitted(job_store).id)
    assert claim is not None
    assert ENDS[end](job_store, claim)
    finished = job_store.get(claim.job)
    assert finished.is_finished
    assert finished.finished_at is not None
    assert not any(again(job_store, claim) for again in ENDS.values())
    assert not job_store.give_back(claim)
    assert job_store.claim(claim.job) is None
    assert job_store.cancel(claim.job) == finished


def test_a_queued_job_is_cancelled_at_once_and_never_claimed(job_store: JobStore) -> None:
    job = submitted(job_store).id
    assert job_store.cancel(job).state is JobState.CANCELLED
    assert job_store.claim(job) is None


def test_a_running_job_is_cancelled_through_its_worker(job_store: JobStore) -> None:
    claim = job_store.claim(submitted(job_store).id)
    assert claim is not None
    record = job_store.cancel(claim.job)
    assert (record.state, record.cancel_requested) == (JobState.RUNNING, True)
    assert job_store.heartbeat(claim, Progress(), History()) is True
    assert not job_store.begin_commit(claim, version=1)
    assert job_store.end_cancelled(claim)


def test_a_cancellation_after_the_commit_was_granted_comes_too_late(job_store: JobStore) -> None:
    claim = job_store.claim(submitted(job_store).id)
    assert claim is not None
    assert job_store.begin_commit(claim, version=1)
    assert job_store.cancel(claim.job).cancel_requested is False
    assert job_store.succeed(claim, MODEL)
    assert job_store.get(claim.job).model == MODEL


def test_an_outdated_claim_can_write_nothing(job_store: JobStore) -> None:
    old = job_store.claim(submitted(job_store).id)
    assert old is not None
    assert job_store.retry(old, FAILURE)
    new = job_store.claim(old.job)
    assert new is not None
    assert new.fence > old.fence
    with pytest.raises(ClaimLost):
        job_store.heartbeat(old, Progress(), History())
    assert not job_store.begin_commit(old, version=1)
    assert not job_store.succeed(old, MODEL)
    assert job_store.get(old.job).attempt == 2


def test_a_job_given_back_is_not_charged_and_keeps_its_place(job_store: JobStore) -> None:
    first, second = submitted(job_store).id, submitted(job_store).id
    claim = job_store.claim(first)
    assert claim is not None
    assert job_store.give_back(claim)
    assert job_store.get(first).attempt == 0
    assert job_store.queued() == [first, second]


def test_the_next_claim_of_a_job_names_the_version_that_was_about_to_be_published(job_store: JobStore) -> None:
    claim = job_store.claim(submitted(job_store).id)
    assert claim is not None
    assert claim.draft is None
    assert job_store.begin_commit(claim, version=7)
    assert job_store.retry(claim, FAILURE)
    again = job_store.claim(claim.job)
    assert again is not None
    assert again.draft == 7


@pytest.mark.parametrize("end", ["retry", "give_back"])
def test_a_job_that_is_to_be_cancelled_never_comes_back_into_the_queue(job_store: JobStore, end: str) -> None:
    claim = job_store.claim(submitted(job_store).id)
    assert claim is not None
    assert job_store.cancel(claim.job).cancel_requested
    assert job_store.retry(claim, FAILURE) if end == "retry" else job_store.give_back(claim)
    record = job_store.get(claim.job)
    assert (record.state, record.attempt, record.error) == (JobState.CANCELLED, 1, None)
    assert record.finished_at is not None
    assert job_store.queued() == []


@pytest.mark.parametrize("n_lost", [0, MAX_ATTEMPTS - 1])
def test_a_job_that_may_have_published_stays_queued_until_a_worker_has_checked(
    job_store: JobStore, n_lost: int
) -> None:
    job = submitted(job_store).id
    for _ in range(n_lost):
        claim = job_store.claim(job)
        assert claim is not None
        assert job_store.retry(claim, FAILURE)
    claim = job_store.claim(job)
    assert claim is not None
    assert job_store.begin_commit(claim, version=7)
    assert job_store.fail(claim, FAILURE)
    assert (job_store.get(job).state, job_store.get(job).error) == (JobState.QUEUED, None)
    again = job_store.claim(job)
    assert again is not None
    assert again.draft == 7
    assert not job_store.cancel(job).cancel_requested
    assert not job_store.end_commit(claim)
    assert job_store.end_commit(again)
    assert job_store.cancel(job).cancel_requested
    assert job_store.fail(again, FAILURE)
    assert job_store.get(job).error == FAILURE


def test_a_job_that_lost_its_last_attempt_fails_with_the_reason(job_store: JobStore) -> None:
    job = submitted(job_store).id
    for _ in range(MAX_ATTEMPTS):
        claim = job_store.claim(job)
        assert claim is not None
        assert job_store.retry(claim, FAILURE)
    record = job_store.get(job)
    assert (record.state, record.attempt, record.error) == (JobState.FAILED, MAX_ATTEMPTS, FAILURE)
    assert job_store.claim(job) is None


def test_one_at_a_time_is_on_watch(job_store: JobStore) -> None:
    assert job_store.take_watch("one")
    assert not job_store.take_watch("another")
    assert job_store.take_watch("one")


def test_a_lease_that_ran_out_is_found(job_store: JobStore, client: redis.Redis) -> None:
    assert job_store.claim(submitted(job_store).id)
    assert job_store.expired() == []
    claim = JobStore(client, lease_s=-1.0).claim(submitted(job_store).id)
    assert claim is not None
    assert job_store.expired() == [claim]


def test_a_repeated_submission_under_one_key_is_one_job(job_store: JobStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(lambda _: job_store.submit(PLAN, "key", "digest"), range(20)))
    assert len({record.id for record in records}) == 1
    assert page_of(job_store)[1] == 1
    with pytest.raises(IdempotencyConflict):
        job_store.submit(PLAN, "key", "another digest")


def test_jobs_are_listed_newest_first_by_state_and_page(job_store: JobStore) -> None:
    ids = [submitted(job_store).id for _ in range(5)]
    job_store.cancel(ids[0])
    listed, total = page_of(job_store, offset=1, limit=2)
    assert ([job.id for job in listed], total) == ([ids[3], ids[2]], 5)
    listed, total = page_of(job_store, [JobState.CANCELLED])
    assert ([job.id for job in listed], total) == ([ids[0]], 1)


def test_only_finished_jobs_can_be_forgotten(job_store: JobStore, client: redis.Redis) -> None:
    job = submitted(job_store).id
    with pytest.raises(JobNotFinished):
        job_store.forget(job)
    job_store.cancel(job)
    job_store.append_log(job, ["a line"])
    job_store.forget(job)
    with pytest.raises(JobNotFound):
        job_store.get(job)
    assert client.exists(events_key(job)) == 0
    assert page_of(job_store) == ([], 0)


def test_the_log_keeps_its_order_and_its_newest_lines(job_store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "LOG_LINES_KEPT", 3)
    job = submitted(job_store).id
    job_store.append_log(job, ["1", "2"])
    job_store.append_log(job, ["3", "4"])
    assert job_store.log(job) == ["2", "3", "4"]


def test_a_server_that_is_gone_is_said_so() -> None:
    job_store = JobStore(connect("unix:///nowhere/valkey.sock"))
    with pytest.raises(QueueUnavailable):
        job_store.get("abc")
    with pytest.raises(QueueUnavailable):
        job_store.submit(PLAN)


def test_a_claim_knows_how_long_earlier_attempts_ran(job_store: JobStore, client: redis.Redis) -> None:
    job = submitted(job_store).id
    for ran_s in (0, 100, 250):
        claim = job_store.claim(job)
        assert claim is not None
        assert claim.ran_s == pytest.approx(ran_s, abs=5)
        client.hincrbyfloat(job_key(job), "started_at", -(100 if ran_s == 0 else 150))
        assert job_store.give_back(claim)
    waited = submitted(job_store).id
    job_store.cancel(waited)
    assert client.hget(job_key(waited), "ran_s") is None


def test_what_waits_is_estimated_by_the_work_and_corrected_by_what_trainings_took(
    job_store: JobStore, client: redis.Redis
) -> None:
    for estimated_s in (100.0, 300.0):
        job_store.submit(PLAN, owner="ann", estimated_s=estimated_s)
    assert job_store.in_queue("ann") == (2, 400, 60)
    claim = job_store.claim()
    assert claim is not None
    assert job_store.in_queue("ann") == (2, 300, 60)
    client.hincrbyfloat(job_key(claim.job), "started_at", -20)  # it has taken a fifth of its estimate
    assert job_store.succeed(claim, MODEL)
    jobs, waiting_s, each_s = job_store.in_queue("ann")
    assert jobs == 1
    assert waiting_s == pytest.approx(60, rel=0.2)
    assert each_s == pytest.approx(20, rel=0.2)
    job_store.submit(PLAN, owner="ben")
    assert job_store.in_queue("ben") == (1, each_s, each_s)


def test_an_allowance_of_seconds_counts_the_work_of_the_new_job(job_store: JobStore) -> None:
    allowance = Allowance(waiting_s=1000)
    job_store.submit(PLAN, owner="ann", allowance=allowance, estimated_s=900)
    with pytest.raises(AllowanceExceeded) as refused:
        job_store.submit(PLAN, owner="ann", allowance=allowance, estimated_s=200)
    assert (refused.value.limit, refused.value.used) == (1000, 900)
    job_store.submit(PLAN, owner="ann", allowance=allowance, estimated_s=50)
    job_store.submit(PLAN, owner="ben", allowance=allowance, estimated_s=900)
