"""Runs side by side: what they were asked for, how they went, and whether the difference is more than chance.

Shared with the HTTP side, so nothing here imports matplotlib; `worker.comparison.picture` alone does.
"""

from worker.comparison.compare import Comparison, Run, Setting, Spread, compare
from worker.comparison.metrics import METRICS, MetricName
from worker.comparison.verdict import Difference, Verdict

__all__ = ["METRICS", "Comparison", "Difference", "MetricName", "Run", "Setting", "Spread", "Verdict", "compare"]
