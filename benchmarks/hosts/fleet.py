"""The processes of the hosts: started, killed with everything that they have started, started again."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from benchmarks.hosts.network import NAMED, Network, inside
from benchmarks.hosts.plan import Host, Run, command, environment

HOMES = Path("/run/hosts")
"""On the run's own file system in memory, which goes with it."""


class Fleet:
    """Runs what the plan says."""

    def __init__(self, network: Network, run: Run) -> None:
        self._network = network
        self._run = run
        self._started: dict[Host, subprocess.Popen[bytes]] = {}

    def add(self, host: Host) -> None:
        """Make a host and start what runs on it."""
        self._network.add(host)
        home_of(host).mkdir(parents=True)
        self.start(host)

    def start(self, host: Host) -> None:
        """Start what runs on a host; its files are those that it had before."""
        home = home_of(host)
        with log_of(host).open("ab") as log:
            self._started[host] = subprocess.Popen(
                inside(host.name, command(host, home, self._run)),
                env=environment(host, home, self._run, os.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self, host: Host) -> None:
        """End every process of a host at once, as when its power fails."""
        while found := list(processes_of(host)):
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._started[host].wait()

    def terminate(self, host: Host) -> None:
        """Ask what runs on a host to end, as a notice of preemption does."""
        self._started[host].terminate()

    def is_running(self, host: Host) -> bool:
        """Whether its main process lives."""
        return self._started[host].poll() is None


def home_of(host: Host) -> Path:
    """Directory of a host's files."""
    return HOMES / host.name


def log_of(host: Host) -> Path:
    """What its processes have said."""
    return HOMES / f"{host.name}.log"


def processes_of(host: Host) -> Iterator[int]:
    """Ids of the processes that run on a host."""
    network = (NAMED / host.name).stat().st_ino
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if (entry / "ns" / "net").stat().st_ino == network:
                    yield int(entry.name)
