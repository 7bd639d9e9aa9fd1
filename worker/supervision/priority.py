"""CPU priority of a whole session of processes, for kernels that schedule by session.

With Linux's autogroup scheduling, on by default on most machines, each session gets an equal share whatever the
niceness of the processes in it; the session's own niceness is a file. Elsewhere this does nothing, and the niceness
of processes and threads is what counts.
"""

import time
from pathlib import Path

_AUTOGROUP = Path("/proc/self/autogroup")
_TRIES = 3
_PAUSE_S = 0.12  # the kernel takes one such write in 100 ms, unless from root


def set_session_niceness(niceness: int) -> None:
    """Make this process's session yield to others.

    Args:
        niceness: 0 (as everybody) to 19 (last); it may be lowered again without privileges.
    """
    for _ in range(_TRIES):
        try:
            _AUTOGROUP.write_text(str(niceness))
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        except OSError:
            return
        else:
            return
