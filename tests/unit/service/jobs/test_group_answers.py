from datetime import UTC, datetime, timedelta

import pytest

from service.jobs.group_answers import group_answer
from worker.job_store.groups import GroupRecord
from worker.jobs.plan import plan
from worker.jobs.records import History, JobRecord, PublishedModel
from worker.jobs.request import JobRequest
from worker.jobs.states import JobState

PLAN = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=4))


def job(name: str, state: JobState, epochs: int = 0, *, accuracy: float | None = None, took_s: float = 0) -> JobRecord:
    """A job with so many epochs done, begun `took_s` ago; with an accuracy once it has ended well."""
    now = datetime.now(UTC)
    history = History()
    for epoch in range(epochs):
        history = history.with_epoch({"loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.5 + epoch / 100})
    model = None if accuracy is None else PublishedModel(name="m", version=1, test_loss=1.0, test_accuracy=accuracy)
    return JobRecord(
        id=name,
        state=state,
        request=PLAN,
        varied={"seed": name},
        history=history,
        model=model,
        created_at=now,
        started_at=now - timedelta(seconds=took_s) if took_s else None,
        finished_at=now if model else None,
    )


def group(*jobs: JobRecord) -> GroupRecord:
    return GroupRecord(id="g", request={}, created_at=datetime.now(UTC), jobs=jobs)


def test_a_group_that_waits_knows_nothing_yet() -> None:
    answer = group_answer(group(job("a", JobState.QUEUED), job("b", JobState.QUEUED)))
    assert (answer.progress, answer.eta_s, answer.best, answer.finished) == (0, None, None, False)


def test_jobs_that_ended_well_tell_how_long_the_rest_takes() -> None:
    answer = group_answer(
        group(
            job("a", JobState.SUCCEEDED, 4, accuracy=0.8, took_s=100),
            job("b", JobState.RUNNING, 1, took_s=999),
            job("c", JobState.QUEUED),
            job("d", JobState.CANCELLED),
        )
    )
    assert answer.progress == pytest.approx((1 + 0.25 + 0 + 1) / 4)
    assert answer.eta_s == pytest.approx(100 * 1.75, rel=0.01)
    assert answer.counts[JobState.CANCELLED] == 1
    assert not answer.finished


def test_the_first_job_is_judged_by_its_own_pace() -> None:
    answer = group_answer(group(job("a", JobState.RUNNING, 2, took_s=50), job("b", JobState.QUEUED)))
    assert answer.eta_s == pytest.approx(50 / 0.5 * 1.5, rel=0.01)
    assert answer.best is not None
    assert (answer.best.job, answer.best.metric, answer.best.value) == ("a", "val_accuracy", 0.51)


def test_a_tested_model_counts_before_any_validation() -> None:
    answer = group_answer(
        group(
            job("a", JobState.RUNNING, 4, took_s=1),
            job("b", JobState.SUCCEEDED, 4, accuracy=0.2, took_s=1),
            job("c", JobState.SUCCEEDED, 4, accuracy=0.3, took_s=1),
        )
    )
    assert answer.best is not None
    assert (answer.best.job, answer.best.metric, answer.best.value) == ("c", "test_accuracy", 0.3)
