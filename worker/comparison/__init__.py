"""Runs side by side: what they were asked for, how they went, and whether they differ by more than chance.

Not here: matplotlib, except in `worker.comparison.picture`, which only runs in a process of its own.
"""

from worker.comparison.compare import Comparison, Run, Setting, Spread, compare
from worker.comparison.run_metrics import METRICS, MetricName
from worker.comparison.verdict import Difference, Verdict

__all__ = [
    "METRICS",
    "Comparison",
    "Difference",
    "Growth",
    "MetricName",
    "Run",
    "Setting",
    "Spread",
    "Verdict",
    "compare",
]
