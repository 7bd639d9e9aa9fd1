"""Finds the processes of a stack, to kill or to stop them."""

import contextlib
import os
import random
import re
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psutil

from tests.busy_machine import exit_code, is_within, wait_until
from tests.running import Stack, has_argument, submit, wait_for

TRAINING = {"epochs": 40, "train_samples": 600}
"""A job of a few seconds."""


def child_of(stack: Stack, name: str) -> psutil.Process:
    """The process that `convserve up` runs under this name: `api`, `worker`."""
    (found,) = [child for child in psutil.Process(stack.process.pid).children() if has_argument(child, name)]
    return found


def restart_api(stack: Stack) -> float:
    """Kill the API process; seconds until `convserve up` has another one ready."""
    killed = child_of(stack, "api")
    killed.kill()

    def is_ready() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(stack.url + "/readyz", timeout=2).status_code == 200
        return False

    return wait_until(lambda: is_gone(killed) and is_ready(), 60)


@contextlib.contextmanager
def another_worker(stack: Stack, **settings: str) -> Iterator[None]:
    """A second worker beside the stack's own, with the same settings but for these."""
    first = child_of(stack, "worker")
    log = stack.log.with_name(f"worker-{random.randrange(10**6)}.txt")
    with log.open("wb") as output:
        second = subprocess.Popen(first.cmdline(), env=first.environ() | settings, stdout=output, stderr=output)
    try:
        wait_until(lambda: "waiting for jobs" in log.read_text(), 60)
        yield
    finally:
        second.terminate()
        exit_code(second, 60)


def trainer_of(api: httpx.Client, job: str) -> psutil.Process:
    """The process that trains a job, as its log tells."""
    return psutil.Process(int(re.findall(r"trainer (\d+)", api.get(f"/jobs/{job}/log").text)[-1]))


def went_on(api: httpx.Client, ended: dict[str, Any]) -> bool:
    """Whether a job went on where it was interrupted, and every epoch is in its history once."""
    log = api.get(f"/jobs/{ended['id']}/log").text
    return "resuming after epoch" in log and len(ended["history"]["loss"]) == ended["request"]["epochs"]


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def group_of(process: psutil.Process) -> list[psutil.Process]:
    """Every process of the group that this one leads."""
    found = []
    for candidate in psutil.process_iter():
        try:
            if os.getpgid(candidate.pid) == process.pid:
                found.append(candidate)
        except ProcessLookupError:
            continue
    return found


def ask(api: httpx.Client, method: str, path: str) -> dict[str, Any]:
    """The answer, once Redis has been in time for one: 503 says when to try again."""
    began = time.monotonic()
    while (answer := api.request(method, path)).status_code == 503:
        assert is_within(time.monotonic() - began, 30), answer.text
        time.sleep(0.2)
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body


def cancel(api: httpx.Client, job: str) -> None:
    """Ask for a job's end."""
    ask(api, "POST", f"/jobs/{job}/cancel")


def train(api: httpx.Client, attempt: int = 1, **body: object) -> dict[str, Any]:
    """Submit a job of a few seconds, and wait until its training is well under way."""
    job = submit(api, **TRAINING | body)
    return wait_until_training(api, job["id"], attempt)


def wait_until_training(api: httpx.Client, job: str, attempt: int = 1) -> dict[str, Any]:
    """The job in its fourth epoch or later, in this attempt: the first has been saved by then."""

    def is_training() -> bool:
        record = ask(api, "GET", f"/jobs/{job}")
        assert record["state"] in {"queued", "running"}, record
        progress = record["progress"]
        return bool(record["attempt"] == attempt and progress["phase"] == "training" and progress["epoch"] >= 4)

    wait_until(is_training, 150)
    return ask(api, "GET", f"/jobs/{job}")


def succeeds(api: httpx.Client, **body: object) -> bool:
    """Whether a very small job, submitted now, ends well."""
    small = {"epochs": 1, "train_samples": 100, "model": "small"}
    return bool(wait_for(api, submit(api, **small | body)["id"])["state"] == "succeeded")
