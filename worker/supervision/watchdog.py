"""Tells a trainer that hangs from one that is busy.

A training loop reports several times a second, so silence means something. How much it means depends on the phase:
before its first step and after its last one, a trainer may have nothing to report for a while, and one that computes
does not hang. This module knows neither jobs nor pipes: it is told what was heard and asked for a verdict.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

from worker.jobs.records import Progress

EPOCHS_OF_SILENCE = 3.0  # validation is silent, and rarely takes longer than an epoch
QUIET_PHASE_FACTOR = 5.0  # tracing the first step, a slow disk, an upload to a bucket
BUSY_SHARE = 0.01  # of one core: a hang uses none, and even a trainer on a crowded machine uses more
BUSY_FACTOR = 10.0  # a spinning deadlock uses a whole core, so computing buys time, but not forever


class Watchdog:
    """Watches one trainer.

    Args:
        patience_s: how long a training loop may be silent and idle.
        cpu_seconds: processor time the trainer has used so far.
        clock: seconds that never go backwards.
    """

    def __init__(
        self, patience_s: float, cpu_seconds: Callable[[], float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience_s = patience_s
        self._cpu_seconds = cpu_seconds
        self._clock = clock
        self._is_stepping = False
        self._epoch = 0
        self._epoch_began_at = 0.0
        self._longest_epoch_s = 0.0
        self._heard_at = clock()
        self._cpu_then = cpu_seconds()

    def hear(self, progress: Progress | None = None) -> None:
        """Note that the trainer reported something, and its progress if it was that."""
        now = self._clock()
        if progress is not None:
            self._note(progress, now)
        self._heard_at = now
        self._cpu_then = self._cpu_seconds()

    def silence_s(self) -> float:
        """Seconds since the last report."""
        return self._clock() - self._heard_at

    def is_stalled(self) -> bool:
        """The silence is longer than can be explained."""
        silence_s = self.silence_s()
        if silence_s <= self.limit_s:
            return False
        is_busy = self._cpu_seconds() - self._cpu_then > BUSY_SHARE * silence_s
        return not is_busy or silence_s > BUSY_FACTOR * self.limit_s

    @property
    def limit_s(self) -> float:
        """How long an idle trainer may be silent now."""
        if not self._is_stepping:
            return QUIET_PHASE_FACTOR * self._patience_s
        return max(self._patience_s, EPOCHS_OF_SILENCE * self._longest_epoch_s)

    def _note(self, progress: Progress, now: float) -> None:
        self._is_stepping = progress.phase == "training" and progress.step > 0
        if progress.phase != "training" or progress.epoch == self._epoch:
            return
        if self._epoch:
            self._longest_epoch_s = max(self._longest_epoch_s, now - self._epoch_began_at)
        self._epoch, self._epoch_began_at = progress.epoch, now


def cpu_seconds_of(pid: int) -> float:
    """Processor time of a process in seconds, all threads together; 0 where the system does not tell.

    Without it, a silent trainer counts as idle.
    """
    try:
        # The name in field 2 may hold spaces and parentheses, so the fields are counted after the last parenthesis.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    user, system = int(fields[11]), int(fields[12])  # utime and stime: fields 14 and 15 in proc(5)
    return (user + system) / os.sysconf("SC_CLK_TCK")
