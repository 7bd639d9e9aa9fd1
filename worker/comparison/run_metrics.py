"""The metrics by which runs are compared: where to read the number, which direction is better, how to write it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from worker.jobs.records import JobRecord

MetricName = Literal["test_accuracy", "best_val_accuracy", "val_accuracy", "test_loss", "val_loss", "seconds"]


@dataclass(frozen=True)
class Metric:
    """One number per run.

    Attributes:
        title: its name within a sentence.
        read: returns the number of a job, or None if there is none yet.
        higher_is_better: whether a larger number is better.
        is_share: written in percent; differences in percentage points.
        unit: unit of a number that is not a share.
    """

    title: str
    read: Callable[[JobRecord], float | None]
    higher_is_better: bool
    is_share: bool
    unit: str = ""

    def written(self, value: float) -> str:
        """A value as text."""
        return f"{100 * value:.1f} %" if self.is_share else f"{value:.3g}{self.unit}"

    def difference(self, value: float, *, with_unit: bool = True) -> str:
        """A difference as text."""
        if self.is_share:
            return f"{100 * value:.1f}" + (" points" if with_unit else "")
        return f"{value:.3g}" + (self.unit if with_unit else "")


def seconds_of(job: JobRecord) -> float | None:
    """Wall time of all attempts, each from its claim to its end, including reading data and publishing."""
    if job.started_at is None or job.finished_at is None:
        return None
    if job.ran_s is not None:
        return job.ran_s
    return (job.finished_at - job.started_at).total_seconds()


def _last(values: tuple[float, ...]) -> float | None:
    return values[-1] if values else None


METRICS: Mapping[MetricName, Metric] = MappingProxyType(
    {
        "test_accuracy": Metric(
            "test accuracy", lambda job: job.model.test_accuracy if job.model else None, True, is_share=True
        ),
        "best_val_accuracy": Metric(
            "best validation accuracy", lambda job: max(job.history.val_accuracy, default=None), True, is_share=True
        ),
        "val_accuracy": Metric(
            "last validation accuracy", lambda job: _last(job.history.val_accuracy), True, is_share=True
        ),
        "test_loss": Metric("test loss", lambda job: job.model.test_loss if job.model else None, False, is_share=False),
        "val_loss": Metric("last validation loss", lambda job: _last(job.history.val_loss), False, is_share=False),
        "seconds": Metric("time", seconds_of, False, is_share=False, unit=" s"),
    }
)
