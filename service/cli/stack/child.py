"""One process of the stack: started, kept alive with growing pauses, and ended within a limit.

A child leads a session of its own, so that Ctrl-C in the terminal reaches the parent only, which then stops the
children in order; and it is tethered, so that it cannot outlive a parent that was killed. Must be started from the
main thread: the kernel watches the thread that forked.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from service.cli.stack import tether
from service.cli.stack.lines import StatusLines

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
SETTLED_S = 30.0  # alive for this long, and the pauses begin anew
_POLL_S = 0.02


def our_command(*arguments: str) -> tuple[str, ...]:
    """This program with other arguments, for a process of its own."""
    # -P: a folder called `worker` in the current directory must not stand in for ours.
    return (sys.executable, "-P", "-m", "service.cli", *arguments)


@dataclass(frozen=True)
class ChildSpec:
    """What to run.

    Attributes:
        name: as shown in the log.
        command: program and arguments.
        environment: the child's whole environment.
        stop_limit_s: how long it may take to end by itself.
        directory: its working directory; None keeps the parent's.
        output: file for what it writes; None puts its standard error, where our processes log, among the status
            lines and drops its standard output, where Celery chats.
        descriptors: open files it inherits.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    stop_limit_s: float
    directory: Path | None = None
    output: Path | None = None
    descriptors: Sequence[int] = field(default=())


class Child:
    """A process started from its `ChildSpec`, again and again if need be."""

    def __init__(self, spec: ChildSpec, lines: StatusLines) -> None:
        self.spec = spec
        self._lines = lines
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._next_start: float | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None and self.is_running() else None

    def is_running(self) -> bool:
        """It was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def ending(self) -> str:
        """How the last run ended, in words."""
        status = None if self._process is None else self._process.poll()
        if status is None:
            return "is running"
        return f"ended with status {status}" if status >= 0 else f"was ended by {signal.Signals(-status).name}"

    def start(self) -> None:
        """Start it now."""
        with contextlib.ExitStack() as files:
            stdout, stderr = subprocess.DEVNULL, self._lines.fileno()
            if self.spec.output is not None:
                stdout = stderr = files.enter_context(self.spec.output.open("wb")).fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *self.spec.command],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=self.spec.directory,
                env=dict(self.spec.environment),
                pass_fds=self.spec.descriptors,
                start_new_session=True,
            )
        self._started_at = time.monotonic()
        self._lines.say(self.spec.name, f"started (process {self._process.pid})")

    def keep_alive(self) -> None:
        """Start it again when it has ended, at once the first time, then after growing pauses."""
        now = time.monotonic()
        if self.is_running():
            if now - self._started_at > SETTLED_S:
                self._pause_s = FIRST_PAUSE_S
            return
        if self._next_start is None:
            self._end_group()
            self._next_start = now + self._pause_s
            self._lines.say(self.spec.name, f"{self.ending()}; starting it again in {self._pause_s:g} s")
            self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
        elif now >= self._next_start:
            self._next_start = None
            self.start()

    def stop(self, is_urgent: Callable[[], bool]) -> None:
        """Ask it to end, wait, then end its whole process group.

        Args:
            is_urgent: True as soon as nobody wants to wait any longer.
        """
        if self._process is None:
            return
        if self.is_running():
            self._process.terminate()
            deadline = time.monotonic() + self.spec.stop_limit_s
            while self.is_running() and time.monotonic() < deadline and not is_urgent():
                time.sleep(_POLL_S)
            if self.is_running():
                self._lines.say(self.spec.name, "did not end by itself and is killed")
        self._end_group()
        self._process.wait()
        self._process = None

    def _end_group(self) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
