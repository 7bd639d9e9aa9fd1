"""Whether the kernel has killed processes because memory ran out; a process killed so leaves no other trace."""

from pathlib import Path

_COUNTERS = Path("/proc/vmstat")  # includes kills by a container's own limit


def memory_kills(counters: Path = _COUNTERS) -> int | None:
    """How many processes the kernel has killed since boot because memory ran out; None where it does not tell."""
    try:
        lines = counters.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)
