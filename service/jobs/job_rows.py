"""A job in a list, in a line of at most 600 bytes; the whole record is twenty times as long."""

from datetime import datetime

from pydantic import BaseModel, Field

from worker.comparison.hyperparameters import label_of
from worker.jobs.records import JobKind, JobRecord
from worker.jobs.states import JobState

LONGEST_SETTING = 80


class JobRow(BaseModel, defer_build=True):
    """A job in short."""

    id: str
    kind: JobKind
    state: JobState
    owner: str
    model: str
    version: int | None = Field(description="That it published.")
    dataset: str
    architecture: str
    setting: str | None = Field(
        description="What its grid varied or, outside a grid, its overrides, in at most 80 characters; null: nothing.",
    )
    epoch: int = Field(description="Epochs done.")
    epochs: int
    val_accuracy: float | None = Field(description="Best of the epochs so far.")
    test_accuracy: float | None
    priority: int
    position: int | None
    eta_s: float | None
    group: str | None
    tags: tuple[str, ...]
    error: str | None = Field(description="Code of the failure.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def row_of(job: JobRecord) -> JobRow:
    """A job in short."""
    request, model = job.request, job.model
    return JobRow(
        id=job.id,
        kind=job.kind,
        state=job.state,
        owner=job.owner,
        model=request.model,
        version=model.version if model else None,
        dataset=request.dataset,
        architecture=request.architecture_name,
        setting=_setting(job),
        epoch=len(job.history.loss),
        epochs=request.epochs,
        val_accuracy=_short(max(job.history.val_accuracy, default=None)),
        test_accuracy=_short(model.test_accuracy if model else None),
        priority=job.priority,
        position=job.position,
        eta_s=job.eta_s,
        group=job.group,
        tags=job.tags,
        error=job.error.code if job.error else None,
        created_at=job.created_at.replace(microsecond=0),
        started_at=job.started_at and job.started_at.replace(microsecond=0),
        finished_at=job.finished_at and job.finished_at.replace(microsecond=0),
    )


def _setting(job: JobRecord) -> str | None:
    """What tells this job from others of the same network, as `/compare` writes it."""
    values = dict(job.varied)
    if not values and job.request.overrides is not None:
        values = job.request.overrides.model_dump(mode="json", exclude_none=True)
    if not values:
        return None
    text = label_of(values)
    return text if len(text) <= LONGEST_SETTING else f"{text[: LONGEST_SETTING - 1]}…"


def _short(share: float | None) -> float | None:
    return None if share is None else round(share, 6)
