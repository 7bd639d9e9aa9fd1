"""Jobs as a comparison gets them, without a trainer."""

from datetime import UTC, datetime, timedelta

from worker.jobs.plan import plan
from worker.jobs.records import History, JobRecord, PublishedModel
from worker.jobs.request import JobRequest
from worker.jobs.states import JobState

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def ended(job: str, accuracy: float, *, after_s: int = 0, epochs: int = 2, **body: object) -> JobRecord:
    """A job that ended well with this test accuracy, submitted so many seconds after noon."""
    defaults = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": epochs}
    history = History()
    for epoch in range(epochs):
        value = accuracy * (epoch + 1) / epochs
        history = history.with_epoch({"loss": 1.0, "accuracy": value, "val_loss": 1.1, "val_accuracy": value - 0.01})
    submitted = NOON + timedelta(seconds=after_s)
    return JobRecord(
        id=job,
        state=JobState.SUCCEEDED,
        request=plan(JobRequest.model_validate(defaults | body)),
        history=history,
        model=PublishedModel(name="m", version=1, test_loss=0.5, test_accuracy=accuracy),
        created_at=submitted,
        started_at=submitted,
        finished_at=submitted + timedelta(seconds=30),
    )
