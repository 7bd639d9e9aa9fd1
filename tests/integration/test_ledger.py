"""Finished jobs beyond a number move to the store: they are found, listed, counted and forgotten as before."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import redis

from model_store import ModelStore, open_store
from tests.job_pages import page_of
from worker.job_store import keys
from worker.job_store.archived import NoArchive
from worker.job_store.filters import JobFilter
from worker.job_store.groups import GroupStore
from worker.job_store.store import JobStore
from worker.jobs.errors import GroupNotFound, JobNotFound, QueueUnavailable
from worker.jobs.grids import PlannedJob
from worker.jobs.labels import Labels
from worker.jobs.plan import plan
from worker.jobs.records import History, JobRecord, Progress, PublishedModel
from worker.jobs.request import JobRequest
from worker.jobs.states import JobState
from worker.ledger import index
from worker.ledger.archive import Archive
from worker.ledger.archivist import Archivist

PLAN = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2, model="shirts"))
OTHER = plan(JobRequest(architecture="cnn", dataset="fashion_mnist_sample", epochs=2, model="bags"))
MODEL = PublishedModel(name="shirts", version=1, test_loss=0.5, test_accuracy=0.8)
HISTORY = History().with_epoch({"loss": 1.0, "accuracy": 0.5, "val_loss": 1.1, "val_accuracy": 0.4})


@pytest.fixture
def store() -> ModelStore:
    return open_store("memory://")


@pytest.fixture
def archive(client: redis.Redis, store: ModelStore, tmp_path: Path) -> Archive:
    return Archive(store.job_segments, tmp_path / "ledger" / "index.sqlite3", client)


@pytest.fixture
def jobs(client: redis.Redis, archive: Archive) -> JobStore:
    return JobStore(client, archive=archive)


def finished(jobs: JobStore, n: int, owner: str = "ann", tags: tuple[str, ...] = ()) -> list[str]:
    """Jobs of which every second one succeeds and the others are cancelled."""
    ids = []
    for number in range(n):
        job = jobs.submit(OTHER if number % 3 else PLAN, owner=owner, labels=Labels(tags=tags)).id
        ids.append(job)
        if number % 2:
            jobs.cancel(job)
            continue
        claim = jobs.claim(job)
        assert claim is not None
        jobs.heartbeat(claim, Progress(), HISTORY)
        jobs.append_log(job, [f"line of {job}"])
        jobs.succeed(claim, MODEL)
    return ids


def move(jobs: JobStore, archive: Archive, kept: int = 0, segment: int = 4) -> int:
    archivist, n_moved = Archivist(jobs, archive, kept, segment), 0
    while n := archivist.move():
        n_moved += n
    return n_moved


def test_jobs_are_the_same_after_they_moved(jobs: JobStore, archive: Archive, client: redis.Redis) -> None:
    ids = [*finished(jobs, 8, tags=("week-3",)), jobs.submit(PLAN).id]
    before = [jobs.get(job) for job in ids]
    logs, page, overview = [jobs.log(job) for job in ids], page_of(jobs), jobs.overview().jobs
    assert move(jobs, archive) == 8
    assert client.zcard(keys.JOBS) == 1
    assert [jobs.get(job) for job in ids] == before
    assert ([jobs.log(job) for job in ids], page_of(jobs), jobs.overview().jobs) == (logs, page, overview)
    assert page_of(jobs, offset=3, limit=2)[0] == before[::-1][3:5]
    assert client.dbsize() < 30


@pytest.mark.parametrize(
    ("rows_per_kind", "rows_per_match", "patience"),
    [(0, 1e9, 8), (1e9, 0, 8), (1e9, 1e9, 8), (1e9, 1e9, 1)],
    ids=["merged", "sorted", "in order", "in order and not in vain"],
)
def test_every_filter_finds_what_it_found_before(
    jobs: JobStore,
    archive: Archive,
    rows_per_kind: float,
    rows_per_match: float,
    patience: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(index, "ROWS_PER_KIND", rows_per_kind)
    monkeypatch.setattr(index, "ROWS_PER_MATCH", rows_per_match)
    monkeypatch.setattr(index, "ROWS_PER_SOUGHT_KIND", rows_per_match)
    monkeypatch.setattr(index, "PATIENCE", patience)
    finished(jobs, 7)
    finished(jobs, 6, owner="ben", tags=("week-3", "b"))
    jobs.submit(PLAN, owner="ben")
    filters = [
        JobFilter(),
        JobFilter((JobState.SUCCEEDED,)),
        JobFilter((JobState.SUCCEEDED, JobState.QUEUED)),
        JobFilter(owner="ben"),
        JobFilter(owner="nobody"),
        JobFilter((JobState.CANCELLED,), "ann", {"model": "bags", "architecture": "cnn"}),
        JobFilter(properties={"tag": "week-3"}),
        JobFilter(properties={"tag": "week"}),
        JobFilter(owner="ben", properties={"dataset": "fashion_mnist_sample", "model": "shirts"}),
    ]
    before = [jobs.find(wanted) for wanted in filters]
    assert move(jobs, archive, kept=2, segment=3) == 9
    assert [jobs.find(wanted) for wanted in filters] == before
    assert [total for _, total in before] == [14, 7, 8, 7, 0, 2, 6, 0, 3]
    for wanted, (found, _) in zip(filters, before, strict=True):
        pages, below = [], float("inf")
        while page := jobs.find(wanted, below, 2)[0]:
            pages += page
            below = page[-1].sequence
        assert pages == found


def test_another_machine_sees_what_moved_and_what_was_forgotten(
    jobs: JobStore, archive: Archive, client: redis.Redis, store: ModelStore, tmp_path: Path
) -> None:
    elsewhere = JobStore(client, archive=Archive(store.job_segments, tmp_path / "elsewhere" / "i.sqlite3", client))
    ids = finished(jobs, 8)
    move(jobs, archive)
    assert [job.id for job in page_of(elsewhere)[0]] == ids[::-1]
    elsewhere.forget(ids[0])
    assert elsewhere.forget_all(ids[1:3]) == 2
    with pytest.raises(JobNotFound):
        jobs.get(ids[0])
    with pytest.raises(JobNotFound):
        jobs.forget(ids[0])
    assert [job.id for job in page_of(jobs)[0]] == ids[:2:-1]
    assert jobs.overview().jobs[JobState.SUCCEEDED] == 2
    held = b"".join(store.job_segments.read(segment.name) for segment in store.job_segments.list())
    assert ids[0] not in held.decode(errors="replace")


def test_jobs_are_counted_again_only_after_a_segment_has_changed(
    jobs: JobStore,
    archive: Archive,
    client: redis.Redis,
    store: ModelStore,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    counted: list[int] = []
    counts = index.LedgerIndex.counts

    def watched(of: index.LedgerIndex) -> dict[JobState, int]:
        counted.append(1)
        return counts(of)

    monkeypatch.setattr(index.LedgerIndex, "counts", watched)
    ids = finished(jobs, 4)
    move(jobs, archive)
    counted.clear()
    for _ in range(3):
        assert jobs.overview().jobs[JobState.SUCCEEDED] == 2
    assert len(counted) == 1
    elsewhere = JobStore(client, archive=Archive(store.job_segments, tmp_path / "elsewhere" / "i.sqlite3", client))
    elsewhere.forget(ids[0])
    assert [jobs.overview().jobs[JobState.SUCCEEDED] for _ in range(2)] == [1, 1]
    assert len(counted) == 2


def test_an_index_that_was_lost_is_made_anew(
    jobs: JobStore, archive: Archive, client: redis.Redis, store: ModelStore, tmp_path: Path
) -> None:
    finished(jobs, 4)
    move(jobs, archive)
    before = page_of(jobs)
    anew = Archive(store.job_segments, tmp_path / "anew" / "index.sqlite3", client)
    assert page_of(JobStore(client, archive=anew)) == before


def test_a_server_that_was_lost_continues_after_the_ledger(
    jobs: JobStore, archive: Archive, client: redis.Redis, store: ModelStore, tmp_path: Path
) -> None:
    ids = finished(jobs, 4)
    move(jobs, archive)
    client.flushall()
    anew = Archive(store.job_segments, tmp_path / "anew" / "index.sqlite3", client)
    again = JobStore(client, archive=anew)
    move(again, anew)
    newest = again.submit(PLAN).id
    assert [job.id for job in page_of(again)[0]] == [newest, *ids[::-1]]


def test_a_job_that_was_written_but_not_removed_is_there_once(
    jobs: JobStore, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = finished(jobs, 4)
    with monkeypatch.context() as patched:
        patched.setattr(jobs, "retire", lambda _: None)
        Archivist(jobs, archive, 0, 4).move()
    assert ([job.id for job in page_of(jobs)[0]], page_of(jobs)[1]) == (ids[::-1], 4)
    assert move(jobs, archive) == 4
    assert ([job.id for job in page_of(jobs)[0]], page_of(jobs)[1]) == (ids[::-1], 4)


def test_a_repeated_submission_finds_a_job_that_moved(jobs: JobStore, archive: Archive) -> None:
    job = jobs.submit(PLAN, "key", "digest").id
    jobs.cancel(job)
    move(jobs, archive, segment=1)
    assert jobs.submit(PLAN, "key", "digest").id == job
    jobs.forget(job)


def test_a_group_keeps_its_jobs_until_they_are_forgotten(jobs: JobStore, archive: Archive, client: redis.Redis) -> None:
    groups = GroupStore(client, jobs)
    group = groups.submit({}, [PlannedJob(varied={"seed": n}, plan=PLAN) for n in range(3)])
    groups.cancel(group.id)
    before = groups.get(group.id)
    assert move(jobs, archive, segment=3) == 3
    assert groups.get(group.id) == before
    assert groups.page()[0][0].counts[JobState.CANCELLED] == 3
    assert page_of(jobs, group=group.id)[1] == 3
    assert jobs.forget_all([job.id for job in group.jobs]) == 3
    with pytest.raises(GroupNotFound):
        groups.get(group.id)


class UnreachableArchive(NoArchive):
    """A ledger whose store does not answer."""

    def records(self, ids: Sequence[str]) -> dict[str, JobRecord]:
        raise QueueUnavailable("the store does not answer")


def test_jobs_on_the_server_are_forgotten_without_the_ledger(client: redis.Redis) -> None:
    jobs = JobStore(client, archive=UnreachableArchive())
    ids = finished(jobs, 2)

    assert jobs.forget_all(ids) == 2
    with pytest.raises(QueueUnavailable):
        jobs.forget_all(ids)
