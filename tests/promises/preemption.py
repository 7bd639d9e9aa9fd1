"""Workers that are taken away, each with everything that it has started, and the S3 server that they save to."""

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

from tests.busy_machine import exit_code, settings_when_busy, wait_until
from tests.paths import PROJECT
from tests.promises.servers import Broker
from tests.running import START_TIMEOUT_S, free_port
from tests.s3 import s3_environment
from worker.job_store.store import JobStore

STORE_URL = "s3://hosts/models"
ATTEMPT = re.compile(r"attempt \d+, trainer (\d+)")
RESUMED = re.compile(r"resuming after epoch (\d+) and \d+ steps")


class S3Server:
    """An S3 server in a process of its own, which can hang."""

    def __init__(self) -> None:
        self._port = free_port()
        command = [sys.executable, "-m", "benchmarks.hosts.s3_server", "127.0.0.1", str(self._port)]
        self._process = subprocess.Popen(command, cwd=PROJECT)
        wait_until(self._answers, START_TIMEOUT_S)

    @property
    def environment(self) -> dict[str, str]:
        """How a store on it is found."""
        return s3_environment(f"http://127.0.0.1:{self._port}")

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{self._port}/hosts").status_code == 200
        return False

    def end(self) -> None:
        """Whether it hangs or not."""
        self._process.kill()
        self._process.wait()

    def hang(self) -> None:
        """It keeps its connections and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After it hung."""
        self._process.send_signal(signal.SIGCONT)


class Preemptible:
    """A worker on a machine that may be taken away."""

    def __init__(self, broker: Broker, s3: S3Server, directory: Path, **environment: str) -> None:
        self._log = directory / "log.txt"
        directory.mkdir(parents=True, exist_ok=True)
        known = {name: value for name, value in os.environ.items() if not name.startswith("CONVSERVE_")}
        known |= s3.environment | settings_when_busy() | environment
        known |= {
            "CONVSERVE_REDIS_URL": broker.url,
            "CONVSERVE_STORE_URL": STORE_URL,
            "CONVSERVE_DATA_DIR": str(directory),
            "TMPDIR": str(directory),
        }
        with self._log.open("ab") as log:
            # A session of its own: the kernel divides processor time among sessions, as machines have their own.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "service.cli", "worker"],
                env=known,
                cwd=PROJECT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Until it waits for jobs."""
        wait_until(lambda: "waiting for jobs" in self._log.read_text(), START_TIMEOUT_S, self._log.read_text)

    def kill(self) -> None:
        """End all its processes at once, as when the machine's power is cut."""
        while running := self._processes():
            for process in running:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(running, timeout=5)

    def runs(self, pid: int) -> bool:
        """Whether a process is one of its own."""
        return pid in {process.pid for process in self._processes()}

    def stop(self, limit_s: float = 60) -> None:
        """Tell it to end, and wait for that."""
        self._process.terminate()
        exit_code(self._process, limit_s)

    def _processes(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            if self._process.poll() is None:
                first = psutil.Process(self._process.pid)
                return [first, *first.children(recursive=True)]
        return []


@contextlib.contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server with an empty bucket."""
    server = S3Server()
    try:
        yield server
    finally:
        server.end()


def trainer_of(job_store: JobStore, job: str) -> int:
    """Process id of the trainer of a job's latest attempt."""
    return int(ATTEMPT.findall("\n".join(job_store.log(job)))[-1])


def resumptions(job_store: JobStore, job: str) -> list[int]:
    """After which epoch each attempt but the first one went on; 0 for one that began anew."""
    attempts = ATTEMPT.split("\n".join(job_store.log(job)))[2::2]
    found = (RESUMED.search(attempt) for attempt in attempts[1:])
    return [int(match[1]) if match else 0 for match in found]
