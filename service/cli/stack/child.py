"""One process of the stack: started, restarted with growing pauses, and stopped within a time limit.

A child leads its own session, so that Ctrl-C in the terminal reaches only the parent, which then stops the children in
order. It is also tethered, so that it cannot outlive a parent that was killed. Children must be started from the main
thread, because the kernel ties a tethered child to the thread that forked it.
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
SETTLED_S = 30.0  # after running for this long, a process restarts with the first pause again
_POLL_S = 0.02


def our_command(*arguments: str) -> tuple[str, ...]:
    """The command that runs this program with other arguments in a new process."""
    # -P: a folder called `worker` in the current directory must not be imported instead of ours.
    return (sys.executable, "-P", "-m", "service.cli", *arguments)


@dataclass(frozen=True)
class ChildSpec:
    """What to run.

    Attributes:
        name: name in the log.
        command: program and arguments.
        environment: the child's complete environment.
        stop_limit_s: how long it may take to end by itself, in seconds.
        directory: its working directory; None keeps the parent's.
        output: file for its output; None writes its standard error, where our processes log, among the status lines,
            and discards its standard output, where Celery prints its banner.
        descriptors: file descriptors that it inherits.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    stop_limit_s: float
    directory: Path | None = None
    output: Path | None = None
    descriptors: Sequence[int] = field(default=())


class Child:
    """A process started from its `ChildSpec`, and restarted when it ends."""

    def __init__(self, spec: ChildSpec, lines: StatusLines) -> None:
        self.spec = spec
        self._lines = lines
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._next_start: float | None = None

    @property
    def pid(self) -> int | None:
        """The process id; None when it is not running."""
        return self._process.pid if self._process is not None and self.is_running() else None

    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def ending(self) -> str:
        """How its last run ended, in words."""
        status = None if self._process is None else self._process.poll()
        if status is None:
            return "is running"
        return f"ended with status {status}" if status >= 0 else f"was ended by {signal.Signals(-status).name}"

    def start(self) -> None:
        """Start the process now."""
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
        """Restart the process if it has ended, after a pause that grows with each restart."""
        now = time.monotonic()
        if self.is_running():
            if now - self._started_at > SETTLED_S:
                self._pause_s = FIRST_PAUSE_S
            return
        if self._next_start is None:
            if self._process is not None:
                _end_group(self._process)
            self._next_start = now + self._pause_s
            self._lines.say(self.spec.name, f"{self.ending()}; starting it again in {self._pause_s:g} s")
            self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
        elif now >= self._next_start:
            self._next_start = None
            self.start()

    def stop(self, is_urgent: Callable[[], bool]) -> None:
        """Ask the process to end, wait, then kill its whole process group.

        Args:
            is_urgent: returns True as soon as waiting must stop.
        """
        if self._process is None:
            return
        if self.is_running():
            self._process.terminate()
            deadline = time.monotonic() + self.spec.stop_limit_s
            while self.is_running() and time.monotonic() < deadline and not is_urgent():
                time.sleep(_POLL_S)
            if self.is_running():
                self._lines.say(self.spec.name, "did not end in time and is killed")
        _end_group(self._process)
        self._process.wait()
        self._process = None


def _end_group(leader: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
