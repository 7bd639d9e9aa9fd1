"""What a report says of the machine and the packages it was measured with."""

import os
import platform
from importlib.metadata import version
from pathlib import Path


def machine(*packages: str) -> dict[str, str | float | None]:
    """Cores, processor, how busy others keep them, and the versions of Python and of these packages."""
    return {
        "cores": os.cpu_count(),
        "cpu": _cpu(),
        "load_average": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())
