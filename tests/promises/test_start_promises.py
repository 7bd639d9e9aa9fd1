"""`convserve up` stopped, killed and started again while a job trains."""

import contextlib
import os
import signal
import time
from pathlib import Path

import httpx
import psutil

from tests.busy_machine import exit_code, is_within, wait_until
from tests.promises.ledger import Ledger
from tests.promises.processes import train, went_on
from tests.running import running_stack, wait_for

STOP_LIMIT_S = 60


def processes_below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def test_stopped_and_started_again(ledger: Ledger, tmp_path: Path) -> None:
    stopped_s, ready_s = [], []
    with ledger.promise(
        "`convserve up` stopped (SIGTERM, SIGINT) while training: everything ends within 60 s, and after the next "
        "start the job goes on where it was, without being charged an attempt",
        few=1,
        many=3,
    ) as promise:
        for number in promise:
            with running_stack(tmp_path / "data", tmp_path / "first.txt") as stack:
                with httpx.Client(base_url=stack.url, timeout=30) as api:
                    job = train(api)["id"]
                started = processes_below(stack.process.pid)
                began_at = time.monotonic()
                stack.process.send_signal((signal.SIGTERM, signal.SIGINT)[number % 2])
                exit_code(stack.process, STOP_LIMIT_S + 30)
                stopped_s.append(time.monotonic() - began_at)
            promise.require(is_within(stopped_s[-1], STOP_LIMIT_S), f"it took {stopped_s[-1]:.0f} s")
            promise.require(not alive(started), f"left running: {alive(started)}")
            began_at = time.monotonic()
            with (
                running_stack(tmp_path / "data", tmp_path / "second.txt") as stack,
                httpx.Client(base_url=stack.url, timeout=30) as api,
            ):
                ready_s.append(time.monotonic() - began_at)
                ended = wait_for(api, job)
                promise.require(went_on(api, ended), "it did not go on where it was, or the history has gaps")
            promise.require((ended["state"], ended["attempt"]) == ("succeeded", 1), f"{ended}")
        promise.measure(f"stopped after at most {max(stopped_s):.1f} s, ready again after at most {max(ready_s):.1f} s")


def test_killed_and_started_again(ledger: Ledger, tmp_path: Path) -> None:
    gone_s, ready_s = [], []
    with ledger.promise(
        "`convserve up` killed (`kill -9`) while training: no process of it is left after 5 s, the next start is ready "
        "within 10 s, and the job goes on after its last epoch",
        few=0,
        many=3,
    ) as promise:
        for _ in promise:
            environment = {"CONVSERVE_LEASE_S": "4"}
            with running_stack(tmp_path / "data", tmp_path / "first.txt", **environment) as stack:
                with httpx.Client(base_url=stack.url, timeout=30) as api:
                    job = train(api)["id"]
                started = processes_below(stack.process.pid)
                os.kill(stack.process.pid, signal.SIGKILL)
                gone_s.append(wait_until(lambda: not alive(started), 30))
            promise.require(is_within(gone_s[-1], 5), f"processes lived on for {gone_s[-1]:.1f} s")
            began_at = time.monotonic()
            with (
                running_stack(tmp_path / "data", tmp_path / "second.txt", **environment) as stack,
                httpx.Client(base_url=stack.url, timeout=30) as api,
            ):
                ready_s.append(time.monotonic() - began_at)
                ended = wait_for(api, job)
                promise.require(went_on(api, ended), "it did not go on after its last epoch, or the history has gaps")
            promise.require(is_within(ready_s[-1], 10), f"ready after {ready_s[-1]:.1f} s")
            promise.require((ended["state"], ended["attempt"]) == ("succeeded", 2), f"{ended}")
        promise.measure(f"gone after at most {max(gone_s):.1f} s, ready again after at most {max(ready_s):.1f} s")
