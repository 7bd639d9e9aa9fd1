"""CPU priority of a whole session of processes, for kernels that schedule by session.

With Linux's autogroup scheduling, on by default on most machines, each session gets an equal share of the processor
whatever the niceness of its processes; a file sets the niceness of the session. Elsewhere this module does nothing,
and the niceness of processes and threads counts.
"""

import time
from pathlib import Path

_AUTOGROUP = Path("/proc/self/autogroup")
_TRIES = 3
_PAUSE_S = 0.12  # the kernel accepts one such write per 100 ms, except from root


def set_session_niceness(niceness: int) -> None:
    """Make this process's session yield to others.

    Args:
        niceness: 0 (normal) to 19 (last); lowering it again needs no privileges.
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
