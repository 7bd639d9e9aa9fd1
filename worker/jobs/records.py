"""The record of a job, as Redis holds it and HTTP shows it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from model_store import Manifest
from worker.jobs.labels import LOCAL_OWNER
from worker.jobs.plan import TrainingPlan
from worker.jobs.states import FINISHED, JobState
from worker.recipe.options import EarlyStopping

Phase = Literal[
    "starting", "downloading", "preparing", "training", "evaluating", "exporting", "publishing", "predicting"
]


JobKind = Literal["training", "import", "record", "export", "predictions"]


class Progress(BaseModel, defer_build=True):
    """How far a running job is."""

    model_config = ConfigDict(frozen=True)

    phase: Phase = Field(default="starting", description="What the trainer is doing.")
    epoch: int = Field(default=0, description="Current epoch, from 1; 0 before the first.")
    epochs: int = Field(default=0, description="Epochs asked for.")
    step: int = Field(default=0, description="Batches done in this epoch.")
    steps: int = Field(default=0, description="Batches in an epoch.")
    loss: float | None = Field(default=None, description="Training loss so far in this epoch.")
    accuracy: float | None = Field(default=None, description="Training accuracy so far in this epoch.")
    images_per_second: float | None = Field(default=None, description="Pictures trained on per second.")
    eta_s: float | None = Field(default=None, description="Seconds of training left, at the current speed.")
    message: str | None = Field(default=None, description="More about the phase, such as bytes downloaded.")


class History(BaseModel, defer_build=True):
    """One value per finished epoch."""

    model_config = ConfigDict(frozen=True)

    loss: tuple[float, ...] = ()
    accuracy: tuple[float, ...] = ()
    val_loss: tuple[float, ...] = ()
    val_accuracy: tuple[float, ...] = ()
    learning_rate: tuple[float, ...] = Field(default=(), description="At the end of each epoch.")
    best_epoch: int | None = Field(
        default=None,
        description="From 1: the epoch with the lowest val_loss, or the best one by the rule of `early_stopping`. With "
        "`early_stopping` this epoch is published, otherwise the last one.",
    )

    def with_epoch(self, metrics: dict[str, float], stopping: EarlyStopping | None = None) -> "History":
        """This history plus one epoch, with the best epoch marked.

        Args:
            metrics: the values of the epoch, by name.
            stopping: decides which epoch is better; by default the one with the lower val_loss.
        """
        longer = self.model_copy(update={name: (*values, metrics[name]) for name, values in self if name in metrics})
        stopping = stopping or EarlyStopping()
        values = getattr(longer, stopping.monitor)
        if self.best_epoch is None or stopping.is_better(values[-1], values[self.best_epoch - 1]):
            return longer.model_copy(update={"best_epoch": len(values)})
        return longer

    def epoch(self, number: int) -> "EpochMetrics":
        """The metrics of one epoch, counted from 1."""
        columns = {name: getattr(self, name) for name in EPOCH_COLUMNS}
        known = {name: values[number - 1] for name, values in columns.items() if len(values) >= number}
        return EpochMetrics.model_validate({"epoch": number} | known)

    @classmethod
    def of_epochs(cls, epochs: Iterable["EpochMetrics"], best_epoch: int | None) -> "History":
        """The history that these epochs make, oldest first."""
        rows = list(epochs)
        columns = {name: [getattr(row, name) for row in rows] for name in EPOCH_COLUMNS}
        known = {name: tuple(value for value in column if value is not None) for name, column in columns.items()}
        return cls.model_validate(known | {"best_epoch": best_epoch})


class EpochMetrics(BaseModel, defer_build=True):
    """Metrics of one epoch: the data of an `epoch` event, and an entry of the history as it is stored."""

    model_config = ConfigDict(frozen=True)

    epoch: int = Field(description="The epoch that has just ended, from 1.")
    loss: float | None = None
    accuracy: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    learning_rate: float | None = Field(default=None, description="At the end of the epoch.")


EPOCH_COLUMNS = tuple(name for name in EpochMetrics.model_fields if name != "epoch")


class PublishedModel(BaseModel, defer_build=True):
    """The version a job published, and how good it is on the test split."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int
    test_loss: float | None = Field(default=None, description="Null for an import that was not evaluated.")
    test_accuracy: float | None = Field(default=None, description="Null for an import that was not evaluated.")
    tta_test_accuracy: float | None = Field(
        default=None,
        exclude_if=lambda accuracy: accuracy is None,
        description="With the job's `test_time_augmentation`, if it asked for one.",
    )

    @classmethod
    def of(cls, manifest: Manifest) -> "PublishedModel":
        """The version that a manifest describes."""
        return cls(
            name=manifest.model,
            version=manifest.version,
            test_loss=manifest.metrics.get("test_loss"),
            test_accuracy=manifest.metrics.get("test_accuracy"),
            tta_test_accuracy=manifest.metrics.get("tta_test_accuracy"),
        )


class JobFailure(BaseModel, defer_build=True):
    """Why a job failed, as data: `code` for programs, `message` and `hint` for people."""

    model_config = ConfigDict(frozen=True)

    code: Literal[
        "dataset_unavailable",
        "diverged",
        "export_unavailable",
        "parity",
        "out_of_memory",
        "took_too_long",
        "devices_unavailable",
        "disk_full",
        "store_unavailable",
        "trainer_died",
        "worker_lost",
        "stalled",
        "initial_model_unavailable",
        "weights_unavailable",
        "model_unusable",
        "pictures_unusable",
        "internal",
    ]
    message: str
    hint: str | None = None


class Origin(BaseModel, defer_build=True):
    """The request that submitted a job, so that logs and traces of the worker can be linked to it."""

    model_config = ConfigDict(frozen=True)

    request_id: str = Field(default="", description="`X-Request-ID` of the submission.")
    traceparent: str = Field(default="", description="Span of the submission, as W3C Trace Context writes it.")


NO_ORIGIN = Origin()


class JobRecord(BaseModel, defer_build=True):
    """Everything that is known about one job."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="Name of the job.", examples=["k3v9x2m7qd"])
    kind: JobKind = Field(
        default="training",
        description="`training`, `import` of a model, `record` of a version's layers, `export` of a version, or "
        "`predictions` of many pictures.",
    )
    state: JobState
    request: TrainingPlan = Field(description="What was asked for, with every default filled in.")
    group: str | None = Field(default=None, description="Group of a job that came from a grid, see `GET /groups/{id}`.")
    varied: dict[str, JsonValue] = Field(
        default={}, description="What distinguishes the job within its group: the grid's fields with this job's values."
    )
    owner: str = Field(default=LOCAL_OWNER, description="Name of the key that submitted it; `local` without keys.")
    tags: tuple[str, ...] = ()
    note: str | None = None
    priority: int = Field(default=0, description="Among the jobs of the same owner; the highest runs first.")
    position: int | None = Field(
        default=None,
        description="Position in the order in which jobs will start, from 1; null unless queued. Owners take turns, so "
        "it may grow when others submit.",
    )
    eta_s: float | None = Field(
        default=None,
        description="Seconds until a queued job starts, if trainings take as long as the latest ones; null when it "
        "does not wait, or no worker is known that has the devices it needs.",
    )
    attempt: int = Field(default=0, description="How many times a worker has taken the job.")
    cancel_requested: bool = Field(
        default=False, description="A cancellation was requested, and the worker has not acted on it yet."
    )
    finish_requested: bool = Field(
        default=False, description="The training was asked to end early and to publish its best epoch."
    )
    submitted_by: str | None = Field(default=None, description="`X-Request-ID` of the request that submitted the job.")
    progress: Progress = Progress()
    history: History = History()
    model: PublishedModel | None = None
    error: JobFailure | None = None
    created_at: datetime
    started_at: datetime | None = Field(default=None, description="When the latest attempt began.")
    finished_at: datetime | None = None
    ran_s: float | None = Field(
        default=None, description="Seconds that its attempts ran, all that have ended; null before the first has."
    )

    @property
    def is_finished(self) -> bool:
        """The job has ended; its state does not change any more."""
        return self.state in FINISHED


class Claim(BaseModel, defer_build=True):
    """A worker's right to run a job, until the lease runs out or another claim follows."""

    model_config = ConfigDict(frozen=True)

    job: str
    plan: TrainingPlan
    attempt: int
    fence: int = Field(description="Grows with every claim; writes with an older fence are refused.")
    uncounted: int = Field(
        default=0, description="Attempts that do not count: their worker was lost after a further epoch."
    )
    origin: Origin = NO_ORIGIN
    ran_s: float = Field(default=0.0, description="Seconds that earlier attempts of the job ran.")
    estimated_bytes: int | None = Field(default=None, description="Of memory; null when it was not estimated.")
    owner: str = LOCAL_OWNER
    tags: tuple[str, ...] = ()
    note: str | None = None
    draft: int | None = Field(
        default=None,
        description="Version that an earlier attempt was allowed to publish; whether it did is not known yet.",
    )

    @property
    def counted_attempts(self) -> int:
        """Attempts, this one included, of which a job has a limited number."""
        return self.attempt - self.uncounted


class QueueOverview(BaseModel, defer_build=True):
    """All jobs at one moment, in a few numbers."""

    model_config = ConfigDict(frozen=True)

    jobs: dict[JobState, int] = Field(description="Number of jobs in each state, including states without jobs.")
    queued: int = Field(description="Jobs that wait for a worker.")
    longest_wait_s: float = Field(description="Waiting time of the job that has waited longest; 0 if none waits.")
    images_per_second: float = Field(description="Pictures trained on per second, by all running jobs together.")
