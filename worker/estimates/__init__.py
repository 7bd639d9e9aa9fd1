"""What a training will take, told before it begins: arithmetic, memory, time, the size of its files."""

from worker.estimates.estimate import Estimate, estimate, past_run
from worker.estimates.memory import FileSizes, MemoryEstimate
from worker.estimates.pace import PastRun, TimeEstimate

__all__ = ["Estimate", "FileSizes", "MemoryEstimate", "PastRun", "TimeEstimate", "estimate", "past_run"]
