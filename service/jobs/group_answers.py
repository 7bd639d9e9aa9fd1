"""What a client is told about a group: its jobs in short, counts by state, the best so far, the time left."""

from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import mean
from typing import Literal

from pydantic import BaseModel, Field, JsonValue

from worker.job_store.groups import Addition, GroupLine, GroupRecord
from worker.jobs.records import JobFailure, JobRecord, PublishedModel
from worker.jobs.states import JobState


class GroupMember(BaseModel, defer_build=True):
    """A job of a group, in short."""

    id: str
    state: JobState
    varied: dict[str, JsonValue] = Field(description="The grid's fields, with this job's values.")
    epoch: int = Field(description="Epochs done.")
    epochs: int | None
    val_accuracy: float | None = Field(description="Best of the epochs so far.")
    model: PublishedModel | None
    error: JobFailure | None


class BestMember(BaseModel, defer_build=True):
    """The best job of a group so far."""

    job: str
    varied: dict[str, JsonValue]
    metric: Literal["test_accuracy", "val_accuracy"] = Field(
        description="`test_accuracy` once a job has succeeded; before that the best `val_accuracy` of an epoch."
    )
    value: float
    model: PublishedModel | None


class Group(BaseModel, defer_build=True):
    """Jobs that were submitted together as one grid."""

    id: str = Field(description="Name of the group.", examples=["k3v9x2m7qd"])
    request: dict[str, JsonValue] = Field(description="What was asked for, the grid included.")
    created_at: datetime
    additions: tuple[Addition, ...] = Field(
        default=(), description="When jobs were added later, by `POST /groups/{id}/jobs`, and how many."
    )
    finished: bool = Field(description="None of its jobs waits or runs any more.")
    counts: dict[JobState, int] = Field(description="How many of its jobs are in each state.")
    progress: float = Field(description="Share of all epochs that is done, from 0 to 1; finished jobs count as done.")
    eta_s: float | None = Field(description="Seconds until the last job ends, at the pace so far; null when unknown.")
    best: BestMember | None
    jobs: list[GroupMember] = Field(description="In the order of the grid, whose last field varies fastest.")


class GroupList(BaseModel, defer_build=True):
    """A page of groups, newest first."""

    groups: list[GroupLine]
    total: int
    offset: int
    limit: int


def group_answer(group: GroupRecord) -> Group:
    """A group as it is now."""
    jobs = group.jobs
    return Group(
        id=group.id,
        request=group.request,
        created_at=group.created_at,
        additions=group.additions,
        finished=all(job.is_finished for job in jobs),
        counts={state: sum(job.state is state for job in jobs) for state in JobState},
        progress=mean(map(_done, jobs)) if jobs else 1.0,
        eta_s=_eta_s(jobs, datetime.now(UTC)),
        best=_best(jobs),
        jobs=[_member(job) for job in jobs],
    )


def _member(job: JobRecord) -> GroupMember:
    return GroupMember(
        id=job.id,
        state=job.state,
        varied=job.varied,
        epoch=len(job.history.loss),
        epochs=job.request.epochs,
        val_accuracy=max(job.history.val_accuracy, default=None),
        model=job.model,
        error=job.error,
    )


def _best(jobs: Sequence[JobRecord]) -> BestMember | None:
    tested = [(job.model.test_accuracy, job) for job in jobs if job.model]
    validated = [(max(job.history.val_accuracy), job) for job in jobs if job.history.val_accuracy]
    if not validated and not tested:
        return None
    value, job = max(tested or validated, key=lambda found: found[0])
    metric: Literal["test_accuracy", "val_accuracy"] = "test_accuracy" if tested else "val_accuracy"
    return BestMember(job=job.id, varied=job.varied, metric=metric, value=value, model=job.model)


def _done(job: JobRecord) -> float:
    """Share of a job's epochs that is done; a finished job is done however it ended."""
    if job.is_finished:
        return 1.0
    if job.state is JobState.QUEUED:
        return 0.0
    return len(job.history.loss) / job.request.epochs


def _eta_s(jobs: Sequence[JobRecord], now: datetime) -> float | None:
    """Seconds left if jobs take as long as those that succeeded and as many run in parallel as now."""
    if all(job.is_finished for job in jobs):
        return 0.0
    running = [job for job in jobs if job.state is JobState.RUNNING]
    lengths = [_seconds(job, now) for job in jobs if job.state is JobState.SUCCEEDED]
    lengths = lengths or [_seconds(job, now) / _done(job) for job in running if _done(job)]
    if not lengths:
        return None
    n_left = sum(1 - _done(job) for job in jobs)
    return mean(lengths) * n_left / max(1, len(running))


def _seconds(job: JobRecord, now: datetime) -> float:
    return ((job.finished_at or now) - job.started_at).total_seconds() if job.started_at else 0.0
