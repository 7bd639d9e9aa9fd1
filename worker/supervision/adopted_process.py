"""A child of this process that another process has forked (Linux)."""

import contextlib
import ctypes
import os
import subprocess
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_LOOK_EVERY_S = 0.01


def adopt_orphans() -> None:
    """Make this process the parent of each descendant whose own parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def reap_group(group: int) -> None:
    """Wait for the end of all children of this process in a killed group, and let the kernel forget them."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-group, 0)


class AdoptedProcess:
    """A child that `subprocess` does not know, with the methods of `subprocess.Popen` that a trainer needs.

    Its id stays its own until `release`, however it ends, so that a signal never reaches another process.

    Args:
        pid: of a child of this process that leads its own process group.

    Raises:
        ChildProcessError: this process has no such child.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None
        self.poll()

    def poll(self) -> int | None:
        """The exit code, or minus the number of the signal that ended it; None while it runs."""
        return self._look(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return what `poll` returns then.

        Raises:
            subprocess.TimeoutExpired: it runs on.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self._look(0 if deadline is None else os.WNOHANG)) is None:
            if deadline is not None and timeout is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            time.sleep(_LOOK_EVERY_S)
        return status

    def release(self) -> None:
        """Let the kernel forget the process and what else of its group has become a child of this one.

        Its group must have been killed: this waits for all of it.
        """
        reap_group(self.pid)

    def _look(self, options: int) -> int | None:
        if self._status is None:
            ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | options)
            if ended is not None:
                self._status = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        return self._status
