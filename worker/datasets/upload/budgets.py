"""Bounds on what one conversion may cost: declared pixels, CPU seconds, memory.

The kernel bounds memory. Pixels are known from the pictures' headers before anything is decoded: a file of 34 bytes can
declare 24 million of them, which take a third of a second to decode.
"""

import resource
import time

from worker.datasets.upload.errors import ArchiveRejected


class CpuBudget:
    """The CPU seconds of this process, counted from its start."""

    def __init__(self, max_cpu_s: float) -> None:
        self._max_cpu_s = max_cpu_s

    def check(self) -> None:
        """Raise `ArchiveRejected` when the budget is used up."""
        if time.process_time() > self._max_cpu_s:
            raise ArchiveRejected(
                f"The conversion takes too long; expected at most {self._max_cpu_s:g} seconds of CPU time.",
                "took_too_long",
                "Upload fewer or smaller pictures, or raise CONVSERVE_MAX_DATASET_CPU_S.",
            )


def require_affordable(declared_pixels: int, max_pixels: int) -> None:
    """Raise `ArchiveRejected` when the pictures together declare more pixels than allowed."""
    if declared_pixels > max_pixels:
        raise ArchiveRejected(
            f"The pictures have too many pixels; expected at most {max_pixels:,} in all, "
            f"got {declared_pixels:,} according to their headers.",
            "too_many_pixels",
            "Upload fewer or smaller pictures, or raise CONVSERVE_MAX_DATASET_PIXELS.",
        )


def limit_memory(max_bytes: int) -> None:
    """Let the kernel bound this process's memory, and write no core dumps."""
    resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
