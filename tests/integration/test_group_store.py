"""The store of job groups on a real server."""

import itertools

import pytest
import redis
from pydantic import JsonValue

from tests.job_pages import page_of
from worker.job_store.groups import GroupRecord, GroupStore
from worker.job_store.store import JobStore
from worker.jobs.errors import GroupFull, GroupNotFound, IdempotencyConflict
from worker.jobs.grids import GridRequest, PlannedJob, plan_grid
from worker.jobs.plan import plan
from worker.jobs.records import JobFailure, Origin
from worker.jobs.states import JobState

BODY: dict[str, JsonValue] = {
    "architecture": "lenet5-fashion",
    "dataset": "fashion_mnist_sample",
    "epochs": 1,
    "grid": {"overrides.activation": ["tanh", "relu"], "seed": [1, 2]},
}
JOBS: list[PlannedJob] = plan_grid(GridRequest.model_validate(BODY), plan)


@pytest.fixture
def jobs(client: redis.Redis) -> JobStore:
    return JobStore(client)


@pytest.fixture
def groups(client: redis.Redis, jobs: JobStore) -> GroupStore:
    return GroupStore(client, jobs)


@pytest.fixture
def group(groups: GroupStore) -> GroupRecord:
    return groups.submit(BODY, JOBS, "key", "digest", Origin(request_id="r-1"))


def test_all_jobs_of_a_grid_are_queued_in_its_order(groups: GroupStore, jobs: JobStore, group: GroupRecord) -> None:
    assert group.request == BODY
    assert [job.varied for job in group.jobs] == [job.varied for job in JOBS]
    assert [job.request for job in group.jobs] == [job.plan for job in JOBS]
    assert [job.position for job in group.jobs] == [1, 2, 3, 4]
    assert jobs.queued() == [job.id for job in group.jobs]
    assert {(job.group, job.submitted_by) for job in group.jobs} == {(group.id, "r-1")}
    assert groups.get(group.id) == group


def test_jobs_of_a_group_are_found_by_it(jobs: JobStore, group: GroupRecord) -> None:
    alone = jobs.submit(JOBS[0].plan)
    assert (alone.group, alone.varied) == (None, {})
    found, total = page_of(jobs, group=group.id)
    assert [job.id for job in found] == [job.id for job in reversed(group.jobs)]
    assert total == 4
    jobs.cancel(group.jobs[0].id)
    assert page_of(jobs, [JobState.CANCELLED], group=group.id)[1] == 1
    assert page_of(jobs, group="nobody") == ([], 0)


def test_a_repeated_submission_returns_the_same_group(groups: GroupStore, jobs: JobStore, group: GroupRecord) -> None:
    assert groups.submit(BODY, JOBS, "key", "digest").id == group.id
    assert len(jobs.queued()) == 4
    with pytest.raises(IdempotencyConflict):
        groups.submit(BODY, JOBS, "key", "other")
    with pytest.raises(IdempotencyConflict):
        jobs.submit(JOBS[0].plan, "key", "of a single job")
    jobs.submit(JOBS[0].plan, "single", "of a single job")
    with pytest.raises(IdempotencyConflict):
        groups.submit(BODY, JOBS, "single", "digest")


def test_a_group_that_is_sent_twice_does_not_put_back_a_running_job(
    groups: GroupStore, jobs: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = itertools.cycle(["groupgroup", *(f"jobjobjob{n}" for n in range(len(JOBS)))])
    monkeypatch.setattr("worker.job_store.keys.new_id", lambda: next(ids))
    first = groups.submit(BODY, JOBS)
    assert jobs.claim(first.jobs[0].id, "a claimant")
    again = groups.submit(BODY, JOBS)
    assert [job.state for job in again.jobs] == ["running", "queued", "queued", "queued"]
    assert again.id == first.id


def test_cancelling_a_group_ends_what_waits_and_asks_what_runs(
    groups: GroupStore, jobs: JobStore, group: GroupRecord
) -> None:
    claims = [jobs.claim(job.id) for job in group.jobs[:2]]
    assert claims[0] is not None
    jobs.fail(claims[0], JobFailure(code="diverged", message="loss became nan"))
    cancelled = groups.cancel(group.id)
    assert [job.state for job in cancelled.jobs] == ["failed", "running", "cancelled", "cancelled"]
    assert cancelled.jobs[1].cancel_requested
    assert groups.cancel(group.id) == cancelled
    assert jobs.queued() == []


def test_groups_are_listed_newest_first_with_their_counts(
    groups: GroupStore, jobs: JobStore, group: GroupRecord
) -> None:
    second = groups.submit(BODY, JOBS[:1])
    jobs.cancel(group.jobs[0].id)
    lines, total = groups.page()
    assert ([line.id for line in lines], total) == ([second.id, group.id], 2)
    assert (lines[1].counts[JobState.QUEUED], lines[1].counts[JobState.CANCELLED]) == (3, 1)
    assert [line.id for line in groups.page(offset=1, limit=1)[0]] == [group.id]


def test_a_group_lives_as_long_as_one_of_its_jobs(
    groups: GroupStore, jobs: JobStore, group: GroupRecord, client: redis.Redis
) -> None:
    groups.cancel(group.id)
    for job in group.jobs[:3]:
        jobs.forget(job.id)
    assert [job.id for job in groups.get(group.id).jobs] == [group.jobs[3].id]
    jobs.forget(group.jobs[3].id)
    with pytest.raises(GroupNotFound):
        groups.get(group.id)
    assert groups.page() == ([], 0)
    assert list(client.scan_iter("convserve:group*")) == []


def test_a_group_grows_whole_or_not_at_all(groups: GroupStore, jobs: JobStore, group: GroupRecord) -> None:
    grown = groups.grow(group.id, JOBS[:2], "more", "digest of more", Origin(request_id="r-2"))
    assert [job.id for job in grown.jobs[:4]] == [job.id for job in group.jobs]
    assert [(job.group, job.submitted_by) for job in grown.jobs[4:]] == [(group.id, "r-2")] * 2
    assert page_of(jobs, group=group.id)[1] == 6
    assert [addition.jobs for addition in grown.additions] == [2]
    assert group.created_at < grown.additions[0].at
    assert groups.grow(group.id, JOBS[:2], "more", "digest of more") == grown
    for key, digest in (("more", "other"), ("key", "digest of more")):
        with pytest.raises(IdempotencyConflict):
            groups.grow(group.id, JOBS[:1], key, digest)
    with pytest.raises(GroupFull, match="at most 100 jobs, got 6 and 96 more"):
        groups.grow(group.id, JOBS * 24)
    with pytest.raises(GroupNotFound):
        groups.grow("nobody", JOBS[:1])
    assert groups.get(group.id) == grown


def test_jobs_that_are_added_twice_are_added_once(
    groups: GroupStore, group: GroupRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.job_store.keys.new_id", lambda: "theonlyjob")
    assert groups.grow(group.id, JOBS[:1]) == groups.grow(group.id, JOBS[:1])
