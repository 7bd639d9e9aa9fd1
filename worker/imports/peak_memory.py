"""How much memory this process has held at most."""

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_memory_bytes() -> int:
    """The most memory that this process has held so far.

    On Linux, `ru_maxrss` begins at what the process that started this one held: the growth of a small process would be
    hidden below it. `VmHWM` begins with the program.
    """
    if sys.platform == "linux":
        (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return 1024 * int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
