"""Records that a newer version of the program writes: an older process says so, leaves them alone, and goes on."""

import logging
from pathlib import Path

import pytest
import redis

from model_store import ArtifactCorrupt, open_store
from model_store.manifest import parse_manifest
from tests.job_pages import page_of
from tests.unit.model_store.published import publish
from worker.job_store import keys
from worker.job_store.reaper import Reaper
from worker.job_store.store import JobStore
from worker.job_store.wake_ups import WakeUps
from worker.jobs.errors import JobNotFound, RecordTooNew
from worker.jobs.formats import FIRST_FORMAT, RECORD_FORMAT
from worker.jobs.plan import plan
from worker.jobs.request import JobRequest
from worker.ledger.archive import Archive
from worker.ledger.archivist import Archivist

PLAN = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2))


@pytest.fixture
def newer(job_store: JobStore, client: redis.Redis) -> str:
    """A queued job that a newer API has submitted, with a plan that nothing here can read."""
    job = job_store.submit(PLAN).id
    client.hset(
        keys.job_key(job), mapping={"format": RECORD_FORMAT + 1, "made_by": "9.9.9", "request": '{"of": "the future"}'}
    )
    return job


def test_a_new_job_says_how_and_by_what_it_was_written(job_store: JobStore, client: redis.Redis) -> None:
    written = client.hgetall(keys.job_key(job_store.submit(PLAN).id))
    assert written["format"] == str(FIRST_FORMAT)
    assert written["made_by"]


def test_an_older_worker_leaves_a_newer_job_in_the_queue_and_takes_the_next(
    newer: str, job_store: JobStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert [job_store.claim(), job_store.claim(), job_store.claim(newer)] == [None, None, None]
    (line,) = caplog.messages
    assert f"job {newer} was written by convserve 9.9.9 in format {RECORD_FORMAT + 1}" in line
    assert "upgrade it to 9.9.9 or newer" in line
    next_one = job_store.submit(PLAN).id
    other = job_store.submit(PLAN, owner="ann").id
    claims = [job_store.claim(), job_store.claim(), job_store.claim()]
    assert {claim.job for claim in claims if claim} == {next_one, other}
    assert newer in job_store.queued()


def test_an_older_api_lists_the_others_and_says_of_this_one_what_is_needed(newer: str, job_store: JobStore) -> None:
    other = job_store.submit(PLAN).id
    assert [record.id for record in page_of(job_store)[0]] == [other]
    with pytest.raises(RecordTooNew, match=r"by convserve 9\.9\.9"):
        job_store.get(newer)
    with pytest.raises(JobNotFound):
        job_store.get("nosuchjob2")


def test_an_older_process_on_watch_leaves_a_newer_job_that_runs_alone(
    newer: str, job_store: JobStore, client: redis.Redis, redis_url: str
) -> None:
    client.hset(keys.job_key(newer), mapping={"state": "running", "fence": "1", "attempt": "1"})
    client.zrem(keys.QUEUED, newer)
    client.zadd(keys.RUNNING, {newer: 1.0})
    assert job_store.expired() == []
    Reaper(job_store, WakeUps(redis_url)).sweep()
    assert client.hget(keys.job_key(newer), "state") == "running"


def test_an_older_process_moves_no_newer_job_to_the_ledger(
    newer: str, job_store: JobStore, client: redis.Redis, tmp_path: Path
) -> None:
    other = job_store.submit(PLAN).id
    assert job_store.cancel_all([newer, other]) == 2
    archive = Archive(open_store("memory://").job_segments, tmp_path / "index.sqlite3", client)
    archivist = Archivist(job_store, archive, kept=0, segment_jobs=2)
    assert archivist.move() == 1
    assert archive.records([other, newer]).keys() == {other}
    assert client.hget(keys.job_key(newer), "made_by") == "9.9.9"
    assert archivist.move() == 0


def test_a_version_that_a_newer_trainer_published_is_told_from_a_damaged_one() -> None:
    store = open_store("memory://")
    data = publish(store).to_bytes().replace(b'"format": 1', b'"format": 2')
    with pytest.raises(ArtifactCorrupt, match="format 2, which a newer version of convserve has written"):
        parse_manifest(data, "shirts", 1)
    with pytest.raises(ArtifactCorrupt, match="it does not parse"):
        parse_manifest(data.replace(b'"format": 2', b'"format": "x"'), "shirts", 1)
