"""Pages of jobs on the server, in each of the ways in which they are found, against a filter in plain Python."""

import random
from collections.abc import Iterator

import pytest
import redis

from worker.job_store import scripts
from worker.job_store.connection import connect
from worker.job_store.filters import JobFilter
from worker.job_store.store import JobStore
from worker.jobs.labels import Labels
from worker.jobs.plan import plan
from worker.jobs.records import JobRecord
from worker.jobs.request import JobRequest
from worker.jobs.states import JobState

OWNERS, MODELS, TAGS = ("ann", "ben"), ("shirts", "bags", "shoes"), ("week-1", "week-2")
PLANS = {
    model: plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2, model=model))
    for model in MODELS
}
FILTERS = [
    JobFilter(states, owner, {name: value for name, value in {"model": model, "tag": tag}.items() if value})
    for states in ((), (JobState.QUEUED,), (JobState.QUEUED, JobState.CANCELLED))
    for owner in (None, *OWNERS, "nobody")
    for model in (None, MODELS[1])
    for tag in (None, *TAGS)
]


def matches(job: JobRecord, wanted: JobFilter) -> bool:
    properties = wanted.properties
    return (
        (not wanted.states or job.state in wanted.states)
        and wanted.owner in (None, job.owner)
        and properties.get("model", job.request.model) == job.request.model
        and ("tag" not in properties or properties["tag"] in job.tags)
    )


@pytest.fixture(params=["few", "many", "a server before Redis 7"])
def jobs(
    request: pytest.FixtureRequest, client: redis.Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[JobStore]:
    """A store whose indexes are intersected, or walked through; and one on a server that cannot count intersections."""
    if request.param == "a server before Redis 7":
        client.acl_setuser(
            "old", enabled=True, passwords=["+old"], keys=["*"], commands=["-zintercard"], categories=["+@all"]
        )
        with connect(redis_url.replace("unix://", "unix://old:old@")) as old:
            with pytest.raises(redis.exceptions.NoPermissionError):
                old.execute_command("ZINTERCARD", 1, "a")
            yield JobStore(old)
        client.acl_deluser("old")
        return
    if request.param == "many":
        few = scripts.source
        monkeypatch.setattr(scripts, "source", lambda name: few(name).replace("local FEW = 500", "local FEW = 0"))
    yield JobStore(client)


def test_pages_have_the_jobs_that_match_and_how_many_there_are(jobs: JobStore, client: redis.Redis) -> None:
    chance, whole = random.Random(3), JobStore(client)
    for number in range(40):
        labels = Labels(tags=tuple(tag for tag in TAGS if chance.random() < 0.4))
        job = whole.submit(PLANS[chance.choice(MODELS)], owner=chance.choice(OWNERS), labels=labels)
        if number % 3 == 0:
            whole.cancel(job.id)
    newest = list(whole.records_of(whole.find(JobFilter(), limit=100)[0]))
    assert len(newest) == 40
    for wanted in FILTERS:
        expected = [job.id for job in newest if matches(job, wanted)]
        read, below = list[str](), float("inf")
        while (page := jobs.find(wanted, below, 3))[0]:
            assert page[1] == len(expected)
            read += [found.id for found in page[0]]
            below = page[0][-1].sequence
        assert (read, page[1]) == (expected, len(expected))
