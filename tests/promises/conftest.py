"""The ledger of promises, and what their tests break: a stack, a Redis server, a small disk."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.busy_machine import settings_when_busy, slowness
from tests.promises.ledger import Ledger
from tests.promises.servers import Broker
from tests.running import Stack, running_stack
from tests.thoroughness import IS_LONG


@pytest.fixture(scope="session")
def ledger() -> Iterator[Ledger]:
    account = Ledger()
    yield account
    if IS_LONG:
        sys.stderr.write("\n" + account.write())


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """A Redis server to be killed, stopped and filled."""
    with short_directory() as directory, Broker(directory) as server:
        yield server


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack on that server, which gives lost workers up sooner than others do.

    Hung trainers only where a module says how soon with `STALL_TIMEOUT_S`: on a disk that is busy with something else,
    saving a checkpoint may well take some seconds.
    """
    directory = tmp_path_factory.mktemp("stack")
    patience = round(slowness())  # 1 on a quiet machine; on a busy one, what is only slow must not count as lost
    environment = {"CONVSERVE_REDIS_URL": broker.url, "CONVSERVE_LEASE_S": str(4 * patience), **settings_when_busy()}
    if hasattr(request.module, "STALL_TIMEOUT_S"):
        environment["CONVSERVE_STALL_TIMEOUT_S"] = str(patience * request.module.STALL_TIMEOUT_S)
    with running_stack(directory / "data", directory / "log.txt", **environment) as running:
        yield running


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        yield client


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 96 MB of one's own; skips where none may be mounted."""
    with short_directory() as directory, contextlib.ExitStack() as mount:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(directory)], capture_output=True, check=False
        )
        if mounted.returncode:
            pytest.skip("mounting a file system is not allowed here")
        mount.callback(subprocess.run, ["umount", "--lazy", str(directory)], check=True)
        yield directory


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """For sockets, whose paths may have no more than a hundred characters, wherever pytest keeps its directories."""
    with tempfile.TemporaryDirectory(prefix="cs-") as directory:
        yield Path(directory)
