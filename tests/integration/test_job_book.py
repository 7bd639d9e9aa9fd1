from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from worker import jobs
from worker.errors import ClaimLost, IdempotencyConflict, JobNotFinished, JobNotFound, QueueUnavailable
from worker.jobs import MAX_ATTEMPTS, JobBook, connect, events_key
from worker.records import Claim, History, JobFailure, JobRecord, Origin, Progress, PublishedModel
from worker.requests import JobRequest, plan
from worker.states import JobState

REQUEST = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2))
MODEL = PublishedModel(name="shirts", version=1, test_loss=0.5, test_accuracy=0.8)
FAILURE = JobFailure(code="diverged", message="loss became nan")


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with connect(redis_url) as client:
        yield client


@pytest.fixture
def book(client: redis.Redis) -> JobBook:
    return JobBook(client)


def submitted(book: JobBook) -> JobRecord:
    return book.submit(REQUEST)


def test_a_submitted_job_is_queued_and_knows_its_place(book: JobBook) -> None:
    first, second = submitted(book), submitted(book)
    assert first.state is JobState.QUEUED
    assert first.request == REQUEST
    assert (book.get(first.id).position, book.get(second.id).position) == (1, 2)


def test_a_job_knows_who_submitted_it_and_so_does_whoever_claims_it(book: JobBook) -> None:
    origin = Origin(request_id="r-1", traceparent="00-" + "ab" * 16 + "-" + "cd" * 8 + "-01")
    job = book.submit(REQUEST, "key", "digest", origin)
    assert job.submitted_by == "r-1"
    assert book.submit(REQUEST, "key", "digest", Origin(request_id="r-2")).submitted_by == "r-1"
    claim = book.claim(job.id)
    assert claim is not None
    assert claim.origin == origin
    assert book.give_back(claim)
    again = book.claim(job.id)
    assert again is not None
    assert again.origin == origin
    unknown = book.claim(submitted(book).id)
    assert unknown is not None
    assert unknown.origin == Origin()


def test_an_empty_book_is_all_zeros(book: JobBook) -> None:
    overview = book.overview()
    assert overview.jobs == dict.fromkeys(JobState, 0)
    assert (overview.queued, overview.longest_wait_s, overview.images_per_second) == (0, 0, 0)


def test_the_overview_counts_every_job_where_it_is(book: JobBook) -> None:
    for _ in range(3):
        submitted(book)
    claims = [claim for claim in map(book.claim, book.queued()) if claim]
    book.succeed(claims[0], MODEL)
    book.heartbeat(claims[1], Progress(phase="training", images_per_second=1000.5), History())
    book.heartbeat(claims[2], Progress(phase="evaluating"), History())
    for _ in range(4):
        submitted(book)
    book.cancel(submitted(book).id)
    overview = book.overview()
    assert overview.jobs == {
        JobState.QUEUED: 4,
        JobState.RUNNING: 2,
        JobState.SUCCEEDED: 1,
        JobState.FAILED: 0,
        JobState.CANCELLED: 1,
    }
    assert overview.queued == 4
    assert overview.images_per_second == 1000.5


def test_the_longest_wait_begins_anew_when_a_job_comes_back_into_the_queue(book: JobBook, client: redis.Redis) -> None:
    first, second = submitted(book).id, submitted(book).id
    for job, seconds in ((first, 100), (second, 60)):
        since = float(str(client.hget(f"convserve:job:{job}", "queued_at")))
        client.hset(f"convserve:job:{job}", "queued_at", str(since - seconds))
    assert 100 <= book.overview().longest_wait_s < 130
    claim = book.claim(first)
    assert claim is not None
    assert book.give_back(claim)
    assert 60 <= book.overview().longest_wait_s < 90


def test_a_job_is_claimed_once_however_many_try(book: JobBook) -> None:
    job = submitted(book).id
    with ThreadPoolExecutor(16) as pool:
        claims = [claim for claim in pool.map(lambda _: book.claim(job), range(64)) if claim]
    assert len(claims) == 1
    assert claims[0].request == REQUEST
    record = book.get(job)
    assert (record.state, record.attempt, record.position) == (JobState.RUNNING, 1, None)


def test_a_claimant_that_did_not_hear_the_answer_gets_its_claim_again(book: JobBook) -> None:
    job = submitted(book).id
    claims = [book.claim(job, "mine"), book.claim(job, "mine")]
    assert claims[0] is not None
    assert claims[0] == claims[1]
    assert book.get(job).attempt == 1
    assert book.claim(job, "another") is None
    assert book.give_back(claims[0])
    again = book.claim(job, "mine")
    assert again is not None
    assert again.fence > claims[0].fence


def test_a_submission_that_is_sent_twice_does_not_put_back_a_running_job(
    book: JobBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.jobs.new_id", lambda: "samesame22")
    assert book.claim(submitted(book).id)
    record = submitted(book)
    assert (record.state, record.attempt) == (JobState.RUNNING, 1)
    assert book.queued() == []


def test_progress_and_history_are_kept(book: JobBook) -> None:
    claim = book.claim(submitted(book).id)
    assert claim is not None
    history = History().with_epoch({"loss": 1.0, "accuracy": 0.5, "val_loss": 1.1, "val_accuracy": 0.4})
    assert book.heartbeat(claim, Progress(phase="training", epoch=1, epochs=2), history, "epoch") is False
    record = book.get(claim.job)
    assert record.progress.phase == "training"
    assert record.history == history


ENDS: dict[str, Callable[[JobBook, Claim], bool]] = {
    "succeed": lambda book, claim: book.succeed(claim, MODEL),
    "fail": lambda book, claim: book.fail(claim, FAILURE),
    "cancel": lambda book, claim: book.end_cancelled(claim),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_finished_job_moves_no_more(book: JobBook, end: str) -> None:
    claim = book.claim(submitted(book).id)
    assert claim is not None
    assert ENDS[end](book, claim)
    finished = book.get(claim.job)
    assert finished.is_finished
    assert finished.finished_at is not None
    assert not any(again(book, claim) for again in ENDS.values())
    assert not book.give_back(claim)
    assert book.claim(claim.job) is None
    assert book.cancel(claim.job) == finished


def test_a_queued_job_is_cancelled_at_once_and_never_claimed(book: JobBook) -> None:
    job = submitted(book).id
    assert book.cancel(job).state is JobState.CANCELLED
    assert book.claim(job) is None


def test_a_running_job_is_cancelled_through_its_worker(book: JobBook) -> None:
    claim = book.claim(submitted(book).id)
    assert claim is not None
    record = book.cancel(claim.job)
    assert (record.state, record.cancel_requested) == (JobState.RUNNING, True)
    assert book.heartbeat(claim, Progress(), History()) is True
    assert not book.begin_commit(claim, version=1)
    assert book.end_cancelled(claim)


def test_a_cancellation_after_leave_to_publish_comes_too_late(book: JobBook) -> None:
    claim = book.claim(submitted(book).id)
    assert claim is not None
    assert book.begin_commit(claim, version=1)
    assert book.cancel(claim.job).cancel_requested is False
    assert book.succeed(claim, MODEL)
    assert book.get(claim.job).model == MODEL


def test_an_outdated_claim_can_write_nothing(book: JobBook) -> None:
    old = book.claim(submitted(book).id)
    assert old is not None
    assert book.retry(old, FAILURE)
    new = book.claim(old.job)
    assert new is not None
    assert new.fence > old.fence
    with pytest.raises(ClaimLost):
        book.heartbeat(old, Progress(), History())
    assert not book.begin_commit(old, version=1)
    assert not book.succeed(old, MODEL)
    assert book.get(old.job).attempt == 2


def test_a_job_given_back_is_not_charged_and_keeps_its_place(book: JobBook) -> None:
    first, second = submitted(book).id, submitted(book).id
    claim = book.claim(first)
    assert claim is not None
    assert book.give_back(claim)
    assert book.get(first).attempt == 0
    assert book.queued() == [first, second]


def test_whoever_claims_a_job_next_knows_what_was_about_to_be_published(book: JobBook) -> None:
    claim = book.claim(submitted(book).id)
    assert claim is not None
    assert claim.draft is None
    assert book.begin_commit(claim, version=7)
    assert book.retry(claim, FAILURE)
    again = book.claim(claim.job)
    assert again is not None
    assert again.draft == 7


@pytest.mark.parametrize("end", ["retry", "give_back"])
def test_a_job_that_is_to_be_cancelled_never_comes_back_into_the_queue(book: JobBook, end: str) -> None:
    claim = book.claim(submitted(book).id)
    assert claim is not None
    assert book.cancel(claim.job).cancel_requested
    assert book.retry(claim, FAILURE) if end == "retry" else book.give_back(claim)
    record = book.get(claim.job)
    assert (record.state, record.attempt, record.error) == (JobState.CANCELLED, 1, None)
    assert record.finished_at is not None
    assert book.queued() == []


@pytest.mark.parametrize("n_lost", [0, MAX_ATTEMPTS - 1])
def test_a_job_that_may_have_published_is_queued_until_somebody_has_looked(book: JobBook, n_lost: int) -> None:
    job = submitted(book).id
    for _ in range(n_lost):
        claim = book.claim(job)
        assert claim is not None
        assert book.retry(claim, FAILURE)
    claim = book.claim(job)
    assert claim is not None
    assert book.begin_commit(claim, version=7)
    assert book.fail(claim, FAILURE)
    assert (book.get(job).state, book.get(job).error) == (JobState.QUEUED, None)
    again = book.claim(job)
    assert again is not None
    assert again.draft == 7
    assert not book.cancel(job).cancel_requested
    assert not book.end_commit(claim)
    assert book.end_commit(again)
    assert book.cancel(job).cancel_requested
    assert book.fail(again, FAILURE)
    assert book.get(job).error == FAILURE


def test_a_job_that_lost_its_last_attempt_fails_with_the_reason(book: JobBook) -> None:
    job = submitted(book).id
    for _ in range(MAX_ATTEMPTS):
        claim = book.claim(job)
        assert claim is not None
        assert book.retry(claim, FAILURE)
    record = book.get(job)
    assert (record.state, record.attempt, record.error) == (JobState.FAILED, MAX_ATTEMPTS, FAILURE)
    assert book.claim(job) is None


def test_one_at_a_time_is_on_watch(book: JobBook) -> None:
    assert book.take_watch("one")
    assert not book.take_watch("another")
    assert book.take_watch("one")


def test_a_lease_that_ran_out_is_found(book: JobBook, client: redis.Redis) -> None:
    assert book.claim(submitted(book).id)
    assert book.expired() == []
    claim = JobBook(client, lease_s=-1.0).claim(submitted(book).id)
    assert claim is not None
    assert book.expired() == [claim]


def test_a_repeated_submission_under_one_key_is_one_job(book: JobBook) -> None:
    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(lambda _: book.submit(REQUEST, "key", "digest"), range(20)))
    assert len({record.id for record in records}) == 1
    assert book.page()[1] == 1
    with pytest.raises(IdempotencyConflict):
        book.submit(REQUEST, "key", "another digest")


def test_jobs_are_listed_newest_first_by_state_and_page(book: JobBook) -> None:
    ids = [submitted(book).id for _ in range(5)]
    book.cancel(ids[0])
    listed, total = book.page(offset=1, limit=2)
    assert ([job.id for job in listed], total) == ([ids[3], ids[2]], 5)
    listed, total = book.page([JobState.CANCELLED])
    assert ([job.id for job in listed], total) == ([ids[0]], 1)


def test_only_finished_jobs_can_be_forgotten(book: JobBook, client: redis.Redis) -> None:
    job = submitted(book).id
    with pytest.raises(JobNotFinished):
        book.forget(job)
    book.cancel(job)
    book.append_log(job, ["a line"])
    book.forget(job)
    with pytest.raises(JobNotFound):
        book.get(job)
    assert client.exists(events_key(job)) == 0
    assert book.page() == ([], 0)


def test_the_log_keeps_its_order_and_its_newest_lines(book: JobBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LOG_LINES_KEPT", 3)
    job = submitted(book).id
    book.append_log(job, ["1", "2"])
    book.append_log(job, ["3", "4"])
    assert book.log(job) == ["2", "3", "4"]


def test_a_server_that_is_gone_is_said_so() -> None:
    book = JobBook(connect("unix:///nowhere/valkey.sock"))
    with pytest.raises(QueueUnavailable):
        book.get("abc")
    with pytest.raises(QueueUnavailable):
        book.submit(REQUEST)
