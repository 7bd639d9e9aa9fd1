"""Ends a process when its parent ends."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_worker(worker_pid: int) -> None:
    """Ask the kernel to kill this process when the worker dies (Linux; on other systems the end of the pipe does).

    Args:
        worker_pid: process id of the worker, which is this process's parent.

    Raises:
        SystemExit: the worker has ended already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != worker_pid:
        sys.exit("the worker has ended already")
