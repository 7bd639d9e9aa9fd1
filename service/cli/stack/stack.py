"""The whole product on one machine, in the order in which it starts: valkey, worker, API. It stops in reverse order."""

import contextlib
import shutil
import socket
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from service.cli.errors import CommandFailed
from service.cli.listening import url_of
from service.cli.signals import StopSignals
from service.cli.stack.apis import api_specs
from service.cli.stack.child import Child, ChildSpec, our_command
from service.cli.stack.data_directory import DataDirectory
from service.cli.stack.lines import StatusLines
from service.cli.stack.valkey import (
    JOBS_DIRECTORY,
    ServerSilent,
    make_runtime_directory,
    redis_url,
    valkey_spec,
    wait_until_it_answers,
)
from service.settings import ApiSettings

READY_LIMIT_S = 60.0
EXTERNAL_ANSWER_LIMIT_S = 3.0
WORKER_STOP_LIMIT_S = 45.0  # a running training is returned to the queue first
SUPERVISION_PERIOD_S = 0.1


class Stack:
    """Starts, supervises and stops the processes. Leaving the `with` block stops all of them.

    Args:
        data: the locked data directory.
        listener: the listening socket for the API.
        environment: environment variables for the processes; addresses and directories are added.
        signals: counts stop signals.
        lines: receives log lines.
        external_redis_url: a server to use; None starts a private one.
        jobs_dir: directory of the private server; default: inside the data directory.
        settings: number of API processes and their threads; default: one process.
        worker_stop_limit_s: how long the worker may take to end, in seconds.
    """

    def __init__(
        self,
        data: DataDirectory,
        listener: socket.socket,
        environment: Mapping[str, str],
        signals: StopSignals,
        lines: StatusLines,
        external_redis_url: str | None = None,
        jobs_dir: Path | None = None,
        settings: ApiSettings | None = None,
        worker_stop_limit_s: float = WORKER_STOP_LIMIT_S,
    ) -> None:
        self._data = data
        self._listener = listener
        self._environment = environment
        self._signals = signals
        self._lines = lines
        self._external_redis_url = external_redis_url
        self._settings = settings or ApiSettings(api_workers=1)
        self._jobs_dir = jobs_dir or data.path / JOBS_DIRECTORY
        self._worker_stop_limit_s = worker_stop_limit_s
        self._children: list[Child] = []
        self._runtime_dir = make_runtime_directory()
        data.note_runtime_directory(self._runtime_dir)

    @property
    def url(self) -> str:
        """The API's address."""
        return url_of(self._listener)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        already = self._signals.received
        for child in reversed(self._children):
            child.stop(is_urgent=lambda: self._signals.received > already)
        shutil.rmtree(self._runtime_dir, ignore_errors=True)

    def start(self) -> None:
        """Start everything and wait until it is ready.

        Raises:
            CommandFailed: a process ended during the start, or the API was not ready in time.
        """
        external_url = self._external_redis_url
        url = self._external_server(external_url) if external_url else self._private_server()
        locations = {"CONVSERVE_REDIS_URL": url, "CONVSERVE_DATA_DIR": str(self._data.path)}
        # Temporary files are removed with the stack, even those of a process that had to be killed.
        environment = {**self._environment, **locations, "TMPDIR": str(self._runtime_dir)}
        self._add(ChildSpec("worker", our_command("worker"), environment, self._worker_stop_limit_s))
        shared_dir = self._runtime_dir / "api"
        shared_dir.mkdir()
        for spec in api_specs(self._settings, self._listener.fileno(), environment, shared_dir):
            self._add(spec)
        self._wait_until_ready()

    def supervise(self) -> None:
        """Keep all processes running until a stop signal arrives."""
        while not self._signals.received:
            for child in self._children:
                child.keep_alive()
            time.sleep(SUPERVISION_PERIOD_S)

    def check(self) -> None:
        """Raise if waiting is pointless: a stop signal arrived, or a process has ended."""
        self._signals.check()
        for child in self._children:
            if not child.is_running():
                log = child.spec.output
                raise CommandFailed(
                    f"the {child.spec.name} process {child.ending()}; "
                    + (f"see its log {log}" if log else "see its lines above")
                )

    def _private_server(self) -> str:
        self._add(valkey_spec(self._jobs_dir, self._runtime_dir, self._data.lock))
        url = redis_url(self._runtime_dir)
        wait_until_it_answers(url, self.check)
        self._lines.say("valkey", "ready on a private Unix socket; every write is synced to disk")
        return url

    def _external_server(self, url: str) -> str:
        try:
            wait_until_it_answers(url, self.check, EXTERNAL_ANSWER_LIMIT_S)
        except ServerSilent as failure:
            self._lines.say("up", f"{failure}; jobs can be submitted once it does")
        return url

    def _add(self, spec: ChildSpec) -> None:
        self._signals.check()
        child = Child(spec, self._lines)
        self._children.append(child)
        child.start()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_LIMIT_S
        while not _is_ready(self.url):
            self.check()
            if time.monotonic() > deadline:
                raise CommandFailed(f"the API was not ready within {READY_LIMIT_S:g} s; see its lines above")
            time.sleep(0.05)


def _is_ready(url: str) -> bool:
    address = urlsplit(url)
    with contextlib.closing(HTTPConnection(str(address.hostname), address.port, timeout=1.0)) as connection:
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
