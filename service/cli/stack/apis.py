"""The API's processes: one, or several that share the listening socket and the machine's cores.

All accept connections from the same socket, so the kernel gives each connection to a process that is free. When one of
them is told not to serve a model, the others read that from a shared directory.
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
    """The processes to run.

    Args:
        settings: the number of processes, and the numbers of threads if they were set.
        descriptor: file descriptor of the listening socket.
        environment: environment variables for every process.
        shared_dir: an existing directory for shared state.
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
    """Each process's share of the cores, unless the threads were set explicitly, and of the memory."""
    share = max(1, len(os.sched_getaffinity(0)) // settings.api_workers)  # only cores that this process may use
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
