"""What a training will need, before it begins: operations, memory, time, the size of its files.

Not here: measuring. It computes from the network's description and from past runs.
"""

from worker.estimates.duration import PastRun, TimeEstimate
from worker.estimates.estimate import Estimate, estimate, past_run
from worker.estimates.memory import FileSizes, MemoryEstimate

__all__ = ["Estimate", "FileSizes", "MemoryEstimate", "PastRun", "TimeEstimate", "estimate", "past_run"]
