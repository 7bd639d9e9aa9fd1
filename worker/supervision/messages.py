"""What a worker and its trainer say to each other: one JSON object per line over two pipes.

The trainer reads its order and the permission to publish from standard input. It reports on a separate pipe, so that
nothing a library prints can be mistaken for a report.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from worker.jobs.labels import LOCAL_OWNER
from worker.jobs.plan import TrainingPlan
from worker.jobs.records import History, JobFailure, Progress, PublishedModel


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class Order(_Message):
    """Worker to trainer: the job to run."""

    kind: Literal["order"] = "order"
    job: str
    plan: TrainingPlan
    fence: int = Field(description="Of the claim, see `worker.jobs.records.Claim`.")
    claimed_at: float = Field(description="Seconds since the epoch, this machine's clock.")
    store_url: str
    datasets_dir: str
    sources: dict[str, str] = Field(default={}, description="Mirrors by dataset name.")
    work_dir: str = Field(description="Directory for temporary files; the worker removes it.")
    owner: str = Field(default=LOCAL_OWNER, description="Of the job, and of the version that it publishes.")
    tags: tuple[str, ...] = ()
    note: str | None = None
    min_free_bytes: int = Field(default=0, description="Space on the store's disk that must stay free.")


class CommitGranted(_Message):
    """Worker to trainer: whether it may publish."""

    kind: Literal["commit_granted"] = "commit_granted"
    granted: bool


class Pause(_Message):
    """Worker to trainer: save the training's state and end."""

    kind: Literal["pause"] = "pause"


class Finish(_Message):
    """Worker to trainer: end the training now, and publish the best epoch."""

    kind: Literal["finish"] = "finish"


class Ready(_Message):
    """Trainer to worker: Keras is imported, an order may come."""

    kind: Literal["ready"] = "ready"


class LogLine(_Message):
    """Trainer to worker: a line for the job's log and the worker's own."""

    kind: Literal["log"] = "log"
    at: float = Field(description="Seconds since the epoch.")
    level: int = Field(description="As Python's logging counts levels.")
    message: str

    @property
    def line(self) -> str:
        """The line as the job's log has it."""
        return f"{datetime.fromtimestamp(self.at):%Y-%m-%d %H:%M:%S} {self.message}"


class ProgressMade(_Message):
    """Trainer to worker: how far the job is, and its history when an epoch ended."""

    kind: Literal["progress"] = "progress"
    progress: Progress
    history: History | None = None


class CommitRequested(_Message):
    """Trainer to worker: everything is uploaded; may the version be committed?"""

    kind: Literal["commit_requested"] = "commit_requested"
    version: int = Field(description="Number the version will have.")


class Paused(_Message):
    """Trainer to worker: the training was saved between two batches; the trainer ends."""

    kind: Literal["paused"] = "paused"


class Published(_Message):
    """Trainer to worker: done."""

    kind: Literal["published"] = "published"
    model: PublishedModel


class Failed(_Message):
    """Trainer to worker: the job cannot go on."""

    kind: Literal["failed"] = "failed"
    failure: JobFailure


Report = Ready | LogLine | ProgressMade | CommitRequested | Paused | Published | Failed
Instruction = Order | CommitGranted | Pause | Finish
ORDERS: TypeAdapter[Instruction] = TypeAdapter(Annotated[Instruction, Field(discriminator="kind")])
REPORTS: TypeAdapter[Report] = TypeAdapter(Annotated[Report, Field(discriminator="kind")])
