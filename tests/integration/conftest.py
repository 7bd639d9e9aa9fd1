"""One running `convserve up` for all integration tests: private Valkey, one worker, the API, real HTTP."""

import os
from collections.abc import Iterator

import httpx
import pytest
import redis

from tests.busy_machine import settings_when_busy
from tests.integration.shared_version import small_version
from tests.running import Stack, running_stack
from worker.job_store.connection import connect
from worker.job_store.store import JobStore


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data_dir = tmp_path_factory.mktemp("stack")
    with running_stack(data_dir / "data", log=data_dir / "log.txt", **settings_when_busy()) as running:
        yield running


@pytest.fixture(scope="session")
def api(stack: Stack) -> Iterator[httpx.Client]:
    """An HTTP client of the running stack."""
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def small(stack: Stack, api: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> str:
    """`small/1`: a version on the running stack, from one short training that all tests share."""
    of_process = tmp_path_factory.getbasetemp()
    shared = (of_process.parent if "PYTEST_XDIST_WORKER" in os.environ else of_process) / "small"
    shared.mkdir(exist_ok=True)
    small_version(stack, api, shared)
    return "small/1"


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A connection to the test session's server, emptied: not that of the running stack."""
    with connect(redis_url) as client:
        yield client


@pytest.fixture
def job_store(client: redis.Redis) -> JobStore:
    return JobStore(client)
