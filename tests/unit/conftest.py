"""What every unit test keeps to: no process, no sleep; `tests/contract/test_unit_tests.py` reads their source too."""

import subprocess
import time

import pytest


class NotInUnitTests(AssertionError):
    """A unit test did what only an integration test may."""


def _refuse(*_: object, **__: object) -> None:
    raise NotInUnitTests("a unit test starts no process and does not sleep: move it to tests/integration")


@pytest.fixture(autouse=True)
def no_process_and_no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a unit test calls, in our code or beneath it, starts no process and does not sleep."""
    monkeypatch.setattr(subprocess.Popen, "__init__", _refuse)
    monkeypatch.setattr(time, "sleep", _refuse)
