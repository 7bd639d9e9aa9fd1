"""A data directory that an early commit left, with its store and its private server's files, opens and serves."""

import base64
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.cli.backup.servers import private_server
from service.cli.stack.data_directory import DataDirectory
from service.settings import ApiSettings
from tests.paths import PROJECT
from worker.job_store.connection import connect
from worker.job_store.store import JobStore

ARCHIVES = sorted((PROJECT / "tests" / "old_data").glob("*.tar.gz"))


@pytest.fixture(scope="module", params=ARCHIVES, ids=lambda path: path.name)
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The old data directory, unpacked."""
    place = tmp_path_factory.mktemp("old")
    with tarfile.open(request.param) as archive:
        archive.extractall(place, filter="data")
    return place


@pytest.fixture(scope="module")
def expected(directory: Path) -> Any:  # noqa: ANN401 - JSON
    """What the old server answered."""
    return json.loads((directory / "expected.json").read_text())


@pytest.fixture(scope="module")
def redis_url_of_old(directory: Path) -> Iterator[str]:
    with DataDirectory(directory) as data, private_server(data) as url:
        yield url


@pytest.fixture(scope="module")
def old(directory: Path, redis_url_of_old: str) -> Iterator[TestClient]:
    """Today's API over the old data."""
    settings = ApiSettings(data_dir=directory, redis_url=redis_url_of_old, min_free_bytes=0)
    with TestClient(create_app(settings), base_url="http://127.0.0.1:8000") as client:
        yield client


def test_an_old_version_gives_the_same_answer(old: TestClient, expected: dict[str, Any]) -> None:
    picture = base64.b64decode(expected["picture"])
    answer = old.post(
        "/models/old/aliases/champion/predict?top_k=10", content=picture, headers={"Content-Type": "image/png"}
    ).json()
    then = expected["answer"]["predictions"][0]
    assert {name: answer["predictions"][0][name] for name in then} == then
    assert answer["version"] == expected["answer"]["version"]


def test_old_jobs_are_what_they_were(old: TestClient, expected: dict[str, Any]) -> None:
    job, then = old.get(f"/jobs/{expected['job']['id']}").json(), expected["job"]
    assert {name: job["request"][name] for name in then["request"]} == then["request"]
    rest = then.keys() - {"request"}
    assert {name: job[name] for name in rest} == {name: then[name] for name in rest}
    assert "test accuracy" in old.get(f"/jobs/{job['id']}/log").text
    states = {name: old.get(f"/jobs/{expected[name]}").json()["state"] for name in ("running", "waiting", "cancelled")}
    assert states == {"running": "queued", "waiting": "queued", "cancelled": "cancelled"}
    assert old.get("/jobs?model=old").json()["total"] == 2


def test_old_jobs_that_wait_are_claimed_in_their_order(
    expected: dict[str, Any], old: TestClient, redis_url_of_old: str
) -> None:
    with connect(redis_url_of_old) as client:
        jobs = JobStore(client)
        claims = [jobs.claim(), jobs.claim(), jobs.claim()]
    assert [claim.job if claim else None for claim in claims] == [expected["running"], expected["waiting"], None]


def test_what_is_trained_next_gets_the_next_number(old: TestClient, directory: Path) -> None:
    assert [version["version"] for version in old.get("/models/old").json()["versions"]] == [1]
    assert (directory / "store" / "models" / "old" / "numbers" / "1").exists()
