"""`convserve api --workers 2`: both processes answer on one port, agree on what is unloaded, and end together."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from model_store import open_store
from tests.busy_machine import exit_code, wait_until
from tests.running import free_port
from tests.unit.service.tiny_networks import grey_picture, publish

STARTED = re.compile(r"api (\d) +started \(process (\d+)\)")
LIMIT_S = 60


def pids(log: Path) -> list[int]:
    return [int(pid) for _, pid in STARTED.findall(log.read_text())]


def who_answers(parent: int, url: str, path: str) -> tuple[int, int]:
    """The status, and which of the parent's processes has the connection."""
    with httpx.Client(base_url=url) as api, api.stream("GET", path) as answer:
        mine = answer.extensions["network_stream"].get_extra_info("client_addr")
        for process in psutil.Process(parent).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any(found.raddr and found.raddr.port == mine[1] for found in process.connections("tcp")):
                    return answer.status_code, process.pid
    raise AssertionError("nobody has the connection")


@pytest.fixture
def folder_in_the_way(tmp_path: Path) -> Path:
    """A working directory with packages named as ours."""
    for name in ("service", "worker"):
        (tmp_path / "here" / name).mkdir(parents=True)
        (tmp_path / "here" / name / "__init__.py").write_text("raise SystemExit('the wrong package')")
    return tmp_path / "here"


@pytest.fixture
def server(tmp_path: Path, folder_in_the_way: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    publish(open_store((tmp_path / "store").as_uri()), "shirts")
    port, log = free_port(), tmp_path / "log.txt"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONVSERVE_")}
    environment |= {"CONVSERVE_STORE_URL": str(tmp_path / "store"), "CONVSERVE_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-P", "-m", "service.cli", "api", "--workers", "2", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stderr=output, cwd=folder_in_the_way)
    try:
        yield process, f"http://127.0.0.1:{port}", log
    finally:
        for pid in [process.pid, *pids(log)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def test_both_processes_answer_agree_and_leave_nothing_behind(
    server: tuple[subprocess.Popen[bytes], str, Path],
) -> None:
    process, url, log = server
    wait_until(lambda: log.read_text().count("listening on") == 2, LIMIT_S, log.read_text)
    both = set(pids(log))
    assert len(both) == 2

    seen: set[int] = set()

    def ask_until_both_have_answered(path: str, status: int) -> None:
        def ask() -> bool:
            found, pid = who_answers(process.pid, url, path)
            if found == status:
                seen.add(pid)
            return seen == both

        seen.clear()
        wait_until(ask, LIMIT_S, log.read_text)

    ask_until_both_have_answered("/v2/models/shirts/ready", 200)
    answer = httpx.post(f"{url}/models/shirts/predict", content=grey_picture(4), headers={"Content-Type": "image/png"})
    assert answer.json()["predictions"][0]["label"] == "brightness 4"

    assert httpx.post(f"{url}/v2/repository/models/shirts/unload", json={}).status_code == 200
    ask_until_both_have_answered("/v2/models/shirts/ready", 404)

    process.send_signal(signal.SIGTERM)
    assert exit_code(process, 20) == 0
    assert not [pid for pid in both if psutil.pid_exists(pid)]
