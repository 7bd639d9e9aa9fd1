"""Whether the kernel has killed processes for want of memory: the only trace of a death that has no last words."""

from pathlib import Path

_COUNTERS = Path("/proc/vmstat")  # counts kills by a container's own limit, too


def memory_kills(counters: Path = _COUNTERS) -> int | None:
    """How many processes the kernel has killed since it started because memory ran out; None when it does not tell."""
    try:
        lines = counters.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)
