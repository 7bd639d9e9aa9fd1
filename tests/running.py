"""A real `convserve up` in a process of its own, and how to use it over HTTP; for integration tests and benchmarks."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.busy_machine import exit_code, is_within, wait_until

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60
JOB_TIMEOUT_S = 180
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.3
SMALL_TRAINING: dict[str, object] = {
    "architecture": "lenet5-fashion",
    "dataset": "fashion_mnist_sample",
    "epochs": 2,
    "train_samples": 600,
    "validation": "test",
    "optimizer": "adam",
    "batch_size": 32,
}


@dataclass(frozen=True)
class Stack:
    """A running `convserve up`."""

    url: str
    data_dir: Path
    log: Path
    process: subprocess.Popen[bytes]


class running_stack:  # noqa: N801 - used as a context manager
    """Starts `convserve up` on a free port, or that of CONVSERVE_PORT, and stops it with SIGTERM."""

    def __init__(self, data_dir: Path, log: Path, **environment: str) -> None:
        self._data_dir = data_dir
        self._log = log
        self._environment = environment

    def __enter__(self) -> Stack:
        port = int(self._environment.get("CONVSERVE_PORT") or free_port())
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CONVSERVE_")}
        environment |= {"CONVSERVE_DATA_DIR": str(self._data_dir), "CONVSERVE_PORT": str(port)} | self._environment
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "service.cli", "up"],
                env=environment,
                stdout=log,
                stderr=log,
                umask=0o022,  # as in most shells, so that tests see what the stack itself does about it
            )
        stack = Stack(f"http://127.0.0.1:{port}", self._data_dir, self._log, self._process)
        try:
            _wait_until_ready(stack)
        except BaseException:
            self.__exit__()
            raise
        return stack

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            exit_code(self._process, STOP_TIMEOUT_S)
        except BaseException:
            self._process.kill()
            raise


def has_argument(process: psutil.Process, word: str) -> bool:
    """Whether this is one of a process's arguments; one that has just ended has none."""
    try:
        return word in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def submit(api: httpx.Client, **body: object) -> dict[str, Any]:
    """Start a small job: the sample, two epochs, 600 pictures, the same seed, unless the body says otherwise."""
    answer = api.post("/jobs", json=SMALL_TRAINING | {"seed": 1} | body)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    return job


def wait_for(
    api: httpx.Client, job_id: str, *states: str, timeout_s: float = JOB_TIMEOUT_S, poll_s: float = LONGEST_PAUSE_S
) -> dict[str, Any]:
    """Poll until the job is in one of the states (none given: until it has ended).

    The pauses grow to `poll_s`: asked 20 times per second, server and test took a tenth of a core from the training.
    """
    wanted = states or ("succeeded", "failed", "cancelled")
    began = time.monotonic()
    while True:
        job: dict[str, Any] = {}
        # On a machine under load, this process may stand still until the server closes the silent connection.
        with contextlib.suppress(httpx.RemoteProtocolError):
            answer = api.get(f"/jobs/{job_id}")
            job = answer.json()
            # 503: Redis was not in time, as on a machine under load.
            if answer.status_code != 503 and job["state"] in wanted:
                return job
        assert is_within(time.monotonic() - began, timeout_s), f"expected {wanted}, still {job}"
        time.sleep(min(poll_s, SHORTEST_PAUSE_S + (time.monotonic() - began) / 10))


def _wait_until_ready(stack: Stack) -> None:
    def is_ready() -> bool:
        assert stack.process.poll() is None, stack.log.read_text()
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(stack.url + "/readyz").status_code == 200
        return False

    wait_until(is_ready, START_TIMEOUT_S, stack.log.read_text)
