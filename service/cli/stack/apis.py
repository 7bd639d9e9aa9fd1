"""The API's processes: one, or several that share the listening socket and the machine's cores.

Each accepts connections from the same socket, so the kernel gives a connection to whoever is free. What one of them is
told about a model (not to serve it) the others read from a directory they share.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from service.cli.stack.child import ChildSpec, our_command
from service.settings import ApiSettings

STOP_LIMIT_S = 6.0


def api_specs(
    settings: ApiSettings, descriptor: int, environment: Mapping[str, str], shared_dir: Path
) -> list[ChildSpec]:
    """What to run.

    Args:
        settings: say how many, and which numbers of threads somebody chose.
        descriptor: of the listening socket.
        environment: what every process finds in its own.
        shared_dir: an existing directory for what they have in common.
    """
    n_processes = settings.api_workers
    several = environment if n_processes == 1 else {**environment, **_shares(settings, shared_dir)}
    return [
        ChildSpec(
            "api" if n_processes == 1 else f"api {number}",
            our_command("api", "--fd", str(descriptor)),
            {**several, "CONVSERVE_API_WORKERS": "1"},
            STOP_LIMIT_S,
            descriptors=[descriptor],
        )
        for number in range(1, n_processes + 1)
    ]


def _shares(settings: ApiSettings, shared_dir: Path) -> dict[str, str]:
    """Each process's share of the cores, unless somebody chose its threads, and of the memory."""
    share = max(1, len(os.sched_getaffinity(0)) // settings.api_workers)  # cores we may use, not all there are
    threads = {
        f"CONVSERVE_{name.upper()}": str(min(share, getattr(settings, name)))
        for name in ("inference_workers", "decode_threads")
        if name not in settings.model_fields_set
    }
    budget_bytes = max(settings.model_memory_bytes // settings.api_workers, 1024**2)
    return {
        **threads,
        "CONVSERVE_MODEL_MEMORY_BYTES": str(budget_bytes),
        "CONVSERVE_API_SHARED_DIR": str(shared_dir),
    }
