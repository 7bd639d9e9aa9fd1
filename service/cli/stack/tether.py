"""Ties a command to the process that starts it: when the parent dies for any reason, the kernel kills the command.

Run as a script, `tether.py PARENT_PID COMMAND…`, with an interpreter that loads nothing else; it replaces itself
with the command. It is a wrapper because running code between fork and exec is not safe in every parent.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h; survives exec


def main(parent: int, command: list[str]) -> None:
    """Replace this process by `command`, tied to process `parent`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the parent has ended already")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
