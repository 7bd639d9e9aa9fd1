"""The limits of one job: how long it may run and how much memory its trainer may take."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from worker.jobs.memory_errors import out_of_memory
from worker.jobs.records import Claim, JobFailure

GIGABYTE = 1e9
ESTIMATE_FACTOR, ESTIMATE_MARGIN_BYTES = 2, 2 * 2**30
"""By default a trainer may take twice its estimate and 2 GB: trainings measured took up to 1.3 times their estimate."""


@dataclass(frozen=True)
class Limits:
    """Limits of one job; none by default.

    Attributes:
        seconds: of running, all attempts of the job together.
        memory_bytes: held by the trainer and the processes it started.
    """

    seconds: float = math.inf
    memory_bytes: float = math.inf


NO_LIMITS = Limits()


class LimitWatch:
    """Compares one run of a job with its limits.

    Args:
        limits: of the job.
        claim: of the run; its job may have run before.
        memory_bytes: tells how much memory the trainer holds.
        clock: seconds that never go backwards.
    """

    def __init__(
        self,
        limits: Limits,
        claim: Claim,
        memory_bytes: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._claim = claim
        self._memory_bytes = memory_bytes
        self._clock = clock
        self._ends_at = clock() + limits.seconds - claim.ran_s

    def publishes(self) -> None:
        """Note that the job publishes its version: it has done its work, and its time is no longer limited."""
        self._ends_at = math.inf

    def breach(self) -> JobFailure | None:
        """The failure of the job if it has gone beyond a limit."""
        if self._clock() > self._ends_at:
            return took_too_long(self._limits.seconds)
        held = self._memory_bytes()
        return self._too_much(held) if held > self._limits.memory_bytes else None

    def _too_much(self, held: int) -> JobFailure:
        return out_of_memory(
            self._claim.plan.batch_size,
            f"The training process held {held / GIGABYTE:.1f} GB of memory and was ended at its limit of "
            f"{self._limits.memory_bytes / GIGABYTE:.1f} GB (see CONVSERVE_TRAINER_MEMORY_BYTES)",
        )


def memory_limit(setting: int | None, most_bytes: int, estimated_bytes: int | None) -> int:
    """Memory that the trainer of one job may hold.

    Args:
        setting: `CONVSERVE_TRAINER_MEMORY_BYTES`, which decides alone if it is set.
        most_bytes: for any job on this host.
        estimated_bytes: of this job; None when it was not estimated.
    """
    if setting or estimated_bytes is None:
        return most_bytes
    return min(most_bytes, ESTIMATE_FACTOR * estimated_bytes + ESTIMATE_MARGIN_BYTES)


def took_too_long(limit_s: float) -> JobFailure:
    """The failure of a job that ran longer than allowed."""
    return JobFailure(
        code="took_too_long",
        message=f"The job ran longer than the {_duration(limit_s)} that a job may take.",
        hint="Train fewer epochs or fewer pictures (`train_samples`), or a smaller network; a dry run tells how long a "
        "training takes. Or raise CONVSERVE_MAX_JOB_S.",
    )


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds:g} s"
