"""`convserve up` as a person meets it: a real start, a clear refusal, and an end that leaves nothing behind."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import httpx
import psutil
import pytest

from tests.busy_machine import PATIENCE_S, exit_code, is_within, wait_until

MARK = "TEST_STACK_MARK"  # in the environment of every process of a stack, whichever process started it
READY = re.compile(r"ready: page (http://127\.0\.0\.1:\d+)/  docs \1/docs  data (\S+)")
START_LIMIT_S = 40


class Up:
    """One `convserve up` in a process of its own, and everything it starts."""

    def __init__(self, data_dir: Path, *options: str, **environment: str) -> None:
        self.data_dir = data_dir
        self._mark = uuid.uuid4().hex
        self._lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "up", "--data-dir", str(data_dir), *(options or ("--port", "0"))],
            stderr=subprocess.PIPE,
            text=True,
            env=unconfigured() | {MARK: self._mark} | environment,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in [self.process.pid, *(process.pid for process in self.left())]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    @property
    def log(self) -> str:
        return "".join(self._lines)

    def url(self) -> str:
        """Where it answers, once it has said that it is ready."""
        wait_until(
            lambda: READY.search(self.log) is not None or self.process.poll() is not None,
            START_LIMIT_S,
            lambda: self.log,
        )
        ready = READY.search(self.log)
        assert ready is not None, self.log
        return ready[1]

    def end(self, limit_s: float) -> int:
        """Its exit code, once it has ended."""
        code = exit_code(self.process, limit_s)
        self._reader.join()
        return code

    def left(self) -> list[psutil.Process]:
        """What runs of it, the first process itself excepted."""
        return [
            process
            for process in psutil.process_iter()
            if process.pid not in {self.process.pid, os.getpid()} and self._is_ours(process)
        ]

    def pid(self, name: str) -> int:
        """The process of this name that was started last."""
        return int(re.findall(rf"{name} +started \(process (\d+)\)", self.log)[-1])

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return process.environ().get(MARK) == self._mark or process.cwd() == str(self.data_dir / "valkey")
        except psutil.Error:
            return False

    def _read(self) -> None:
        assert self.process.stderr is not None
        self._lines.extend(self.process.stderr)


def unconfigured() -> dict[str, str]:
    """This process's environment without any setting of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CONVSERVE_")}


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def runs(up: Up, module: str) -> bool:
    def is_it(process: psutil.Process) -> bool:
        try:
            return module in process.cmdline()
        except psutil.NoSuchProcess:
            return False

    return any(is_it(process) for process in up.left())


def runtime_directories(up: Up) -> set[Path]:
    """Where the private server's socket is."""
    addresses = {str(found.laddr) for found in psutil.Process(up.pid("valkey")).connections("unix") if found.laddr}
    return {Path(address).parent for address in addresses}


def convserve(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "service.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env=unconfigured() | environment,
    )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A stack that the tests of this module share and leave as they found it."""
    with Up(tmp_path_factory.mktemp("up") / "data", CONVSERVE_SPARE_TRAINER="false") as up:
        up.url()
        yield up
        up.process.terminate()
        up.end(20)


def test_it_gets_ready_and_says_where_everything_is(running: Up) -> None:
    assert is_ready(running.url())
    ready = READY.search(running.log)
    assert ready is not None
    assert ready[2] == str(running.data_dir)
    assert re.match(r"\d\d:\d\d:\d\d  up      convserve \S+ is starting\n", running.log)


def test_every_line_has_a_time_and_a_process(running: Up) -> None:
    wait_until(lambda: "ready: waiting for jobs" in running.log, 20)
    lines = running.log.splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d  (up|api|worker|valkey) +\S", line) for line in lines), running.log


def test_the_private_server_has_no_port_and_a_private_socket(running: Up) -> None:
    server = psutil.Process(running.pid("valkey"))
    assert not [found for found in server.connections("inet") if found.status == psutil.CONN_LISTEN]
    (directory,) = runtime_directories(running)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / "valkey.sock").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes back pages of files")
def test_the_api_gives_back_what_only_its_start_has_touched_of_its_libraries(running: Up) -> None:
    assert is_ready(running.url())
    assert psutil.Process(running.pid("api")).memory_info().shared < 30_000_000  # 44 MB otherwise


def test_a_second_instance_on_the_same_data_directory_is_refused(running: Up) -> None:
    started_at = time.monotonic()
    second = convserve("up", "--port", "0", "--data-dir", str(running.data_dir))
    assert second.returncode == 1
    assert second.stderr == (
        f"convserve: another convserve (process {running.process.pid}) is using the data directory "
        f"{running.data_dir}; stop it, or choose another directory with --data-dir or CONVSERVE_DATA_DIR\n"
    )
    assert is_within(time.monotonic() - started_at, 5)
    assert is_ready(running.url())


@pytest.mark.parametrize("name", ["api", "worker", "valkey"])
def test_a_process_that_dies_is_started_again(name: str, running: Up) -> None:
    url = running.url()
    died = running.pid(name)
    os.kill(died, signal.SIGKILL)
    wait_until(lambda: running.pid(name) != died, 10)
    assert f"{name:<7} was ended by SIGKILL; starting it again in" in running.log
    wait_until(lambda: is_ready(url), 20)


def test_a_server_of_ones_own_is_used(redis_url: str, tmp_path: Path) -> None:
    with Up(tmp_path / "data", CONVSERVE_REDIS_URL=redis_url, CONVSERVE_SPARE_TRAINER="false") as up:
        assert is_ready(up.url())
        assert httpx.get(f"{up.url()}/jobs").json()["total"] == 0
        assert "valkey" not in up.log
        up.process.terminate()
        assert up.end(15) == 0


@pytest.mark.parametrize("subcommand", ["up", "api"])
def test_a_busy_port_is_refused(subcommand: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        refused = convserve(subcommand, "--port", str(port), CONVSERVE_DATA_DIR=str(tmp_path / "data"))
    assert refused.returncode == 1
    assert refused.stderr == (
        f"convserve: port {port} on 127.0.0.1 is in use by another program; "
        "choose another with --port or CONVSERVE_PORT\n"
    )


def test_a_host_that_is_not_this_machine_is_refused(tmp_path: Path) -> None:
    refused = convserve("up", "--host", "192.0.2.1", "--port", "0", "--data-dir", str(tmp_path / "data"))
    assert refused.returncode == 1
    assert refused.stderr.startswith("convserve: cannot listen on 192.0.2.1")
    assert refused.stderr.count("\n") == 1


def test_a_data_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = convserve("up", "--port", "0", "--data-dir", str(tmp_path / "file" / "data"))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"convserve: cannot write to the data directory {tmp_path}/file/data: Not a dir")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything_in_order(number: signal.Signals, tmp_path: Path) -> None:
    with Up(tmp_path / "data") as up:
        url = up.url()
        wait_until(lambda: runs(up, "worker.training.template"), 20)
        (runtime,) = runtime_directories(up)
        up.process.send_signal(number)
        assert up.end(20) == 0, up.log
        assert not up.left()
        assert not runtime.exists()
        assert not is_ready(url)
        assert "did not end in time" not in up.log
        assert up.log.endswith("up      stopped\n")


def test_a_kill_leaves_nothing_behind_and_the_next_start_recovers(tmp_path: Path) -> None:
    with Up(tmp_path / "data", CONVSERVE_TRAINER_NICENESS="0") as up:
        up.url()
        wait_until(lambda: runs(up, "worker.training.trainer"), 20)
        (runtime,) = runtime_directories(up)
        up.process.kill()
        up.process.wait()
        wait_until(lambda: not up.left(), 10)
    started_at = time.monotonic()
    with Up(tmp_path / "data", CONVSERVE_SPARE_TRAINER="false") as again:
        assert is_ready(again.url())
        assert is_within(time.monotonic() - started_at, 10)
        assert not runtime.exists()
        again.process.terminate()
        assert again.end(20) == 0


LOST = "Exception ignored in"
"""What Python says when it loses a Ctrl-C in a callback of its own start, before any code of ours runs."""


@pytest.mark.parametrize("delay_s", [0.02, 0.3, 0.6, 0.9, 1.5])
def test_ctrl_c_while_starting_leaves_nothing_behind(delay_s: float, tmp_path: Path) -> None:
    with Up(tmp_path / "data") as up:
        time.sleep(delay_s)
        up.process.send_signal(signal.SIGINT)
        wait_until(lambda: up.process.poll() is not None or LOST in up.log, 20, lambda: up.log)
        up.process.send_signal(signal.SIGINT)
        up.end(20)
        assert not up.left()
