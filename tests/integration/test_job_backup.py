"""Jobs that are dumped and loaded into an empty server are the same jobs; those that ran are queued again."""

import itertools
from collections.abc import Iterator

import redis

from tests.job_pages import page_of
from worker.job_store import keys
from worker.job_store.dumping import DumpedKey, dump, has_jobs, server_time
from worker.job_store.filters import JobFilter
from worker.job_store.groups import GroupStore
from worker.job_store.loading import JobsLoader, forget_everything
from worker.job_store.scripts import Scripts
from worker.job_store.store import JobStore
from worker.jobs.grids import PlannedJob
from worker.jobs.labels import Labels
from worker.jobs.plan import plan
from worker.jobs.records import History, Progress, PublishedModel
from worker.jobs.request import JobRequest
from worker.jobs.states import JobState

PLAN = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2, model="shirts"))
PLANNED = PlannedJob(varied={"seed": 1}, plan=PLAN)
MODEL = PublishedModel(name="shirts", version=1, test_loss=0.5, test_accuracy=0.8)
HISTORY = History().with_epoch({"loss": 1.0, "accuracy": 0.5, "val_loss": 1.1, "val_accuracy": 0.4})


def loaded(client: redis.Redis, entries: list[DumpedKey], dumped_at: float) -> int:
    """The entries as a file has them, in a server that was emptied."""
    lines = [entry.model_dump_json() for entry in entries]
    client.flushall()
    return JobsLoader(client, dumped_at).load(DumpedKey.model_validate_json(line) for line in lines)


def some_jobs(jobs: JobStore, client: redis.Redis) -> tuple[str, str, list[str]]:
    """One that has ended, one that runs, and a group that waits behind a job of high priority."""
    ended = jobs.submit(PLAN, "a key", "a digest", owner="ann", labels=Labels(tags=("blue",), note="the first")).id
    claim = jobs.claim(ended)
    assert claim is not None
    jobs.heartbeat(claim, Progress(), HISTORY)
    jobs.append_log(ended, ["a line", "línea \u2028 two"])
    jobs.succeed(claim, MODEL)
    running = jobs.submit(PLAN, owner="ben").id
    claim = jobs.claim(running)
    assert claim is not None
    jobs.heartbeat(claim, Progress(), HISTORY)
    group = GroupStore(client, jobs).submit({"grid": {"seed": [1, 2]}}, [PLANNED] * 2)
    urgent = jobs.submit(PLAN, labels=Labels(priority=5)).id
    client.set(f"{keys.PREFIX}of-a-newer-version", "kept", px=60_000)
    return ended, running, [urgent, *(job.id for job in group.jobs)]


def test_loaded_jobs_are_the_same_jobs(job_store: JobStore, client: redis.Redis) -> None:
    ended, running, waiting = some_jobs(job_store, client)
    before, log = job_store.get(ended), job_store.log(ended)
    assert loaded(client, list(dump(client)), server_time(client)) == 5
    assert job_store.get(ended) == before
    assert job_store.log(ended) == log
    assert job_store.find(JobFilter(owner="ann", properties={"tag": "blue"}))[1] == 1
    assert job_store.submit(PLAN, "a key", "a digest").id == ended
    group = GroupStore(client, job_store).page(0, 10)[0][0]
    assert group.counts[JobState.QUEUED] == 2
    assert client.get(f"{keys.PREFIX}of-a-newer-version") == "kept"
    assert 0 < client.pttl(f"{keys.PREFIX}of-a-newer-version") <= 60_000
    again = job_store.get(running)
    assert (again.state, again.attempt) == (JobState.QUEUED, 0)
    assert Scripts(client).run("sizes") == 1
    places = {job: job_store.get(job).position or 0 for job in waiting}
    assert sorted(waiting, key=places.__getitem__) == waiting
    claims = [claim.job for claim in iter(job_store.claim, None)]
    assert sorted(claims) == sorted([running, *waiting])
    assert job_store.submit(PLAN).id not in {ended, running, *waiting}


def test_the_time_between_dump_and_load_does_not_count_as_time_that_a_job_ran(
    job_store: JobStore, client: redis.Redis
) -> None:
    _, running, _ = some_jobs(job_store, client)
    entries = [
        entry.model_copy(update={"value": {**entry.value, "started_at": str(server_time(client) - 1000)}})
        if entry.key == f"job:{running}" and isinstance(entry.value, dict)
        else entry
        for entry in dump(client)
    ]
    loaded(client, entries, server_time(client) - 990)
    assert 9 < float(str(client.hget(keys.job_key(running), "ran_s"))) < 11


def test_jobs_that_come_and_go_while_they_are_dumped_do_no_harm(job_store: JobStore, client: redis.Redis) -> None:
    ended, _, waiting = some_jobs(job_store, client)
    reading = dump(client)
    entries = [next(reading)]  # the list of jobs was read
    job_store.forget(ended)
    late = GroupStore(client, job_store).submit({}, [PLANNED]).id
    entries += reading
    loaded(client, entries, server_time(client))
    assert {job.id for job in page_of(job_store)[0]} >= {*waiting}
    assert page_of(job_store)[1] == 4
    assert late not in {group.id for group in GroupStore(client, job_store).page(0, 10)[0]}
    assert Scripts(client).run("sizes") == 1


def test_an_index_of_the_ledger_is_read_again_after_a_restore(job_store: JobStore, client: redis.Redis) -> None:
    some_jobs(job_store, client)
    client.set(keys.ARCHIVE_CHANGES, 7)
    entries = list(dump(client))
    client.set(keys.ARCHIVE_CHANGES, 9)
    forget_everything(client)
    assert not has_jobs(client)
    JobsLoader(client, 0).load(entries)
    assert int(str(client.get(keys.ARCHIVE_CHANGES))) > 9


def test_a_dump_is_read_piece_by_piece(job_store: JobStore, client: redis.Redis) -> None:
    for _ in range(45):
        job_store.submit(PLAN)
    entries: Iterator[DumpedKey] = dump(client)
    first = list(itertools.islice(entries, 10))
    assert len(first) == 10
    assert sum(entry.key.count(":") == 1 for entry in [*first, *entries] if entry.key.startswith("job:")) == 45
