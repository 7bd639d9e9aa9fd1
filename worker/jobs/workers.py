"""What a worker says about itself, and what is known about it."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from worker.jobs.records import Progress
from worker.recipe.exports import ExportFormat


class Gpu(BaseModel, defer_build=True):
    """A GPU of a worker's machine, as NVIDIA's management library sees it."""

    model_config = ConfigDict(frozen=True)

    name: str
    used_bytes: int = Field(description="Memory in use, by all processes.")
    total_bytes: int
    utilization: float | None = Field(description="Share of the last second in which it computed; null if unknown.")


class WorkerFacts(BaseModel, defer_build=True):
    """What a worker announces about itself."""

    model_config = ConfigDict(frozen=True)

    host: str = Field(default="", description="Name of its machine.")
    since: datetime | None = Field(default=None, description="When it started.")
    gpus: tuple[Gpu, ...] = ()
    devices: int = Field(default=1, description="Among how many devices it can divide a training.")
    exports: tuple[ExportFormat, ...] | None = Field(
        default=None, description="Formats that it can export to; null for a worker of an earlier version."
    )


class RunningJob(BaseModel, defer_build=True):
    """The job that a worker runs."""

    model_config = ConfigDict(frozen=True)

    job: str
    owner: str
    model: str
    dataset: str
    architecture: str
    attempt: int
    since: datetime | None = Field(description="When this attempt began.")
    progress: Progress


class Worker(BaseModel, defer_build=True):
    """A worker that is alive."""

    model_config = ConfigDict(frozen=True)

    id: str
    host: str = Field(description="Name of its machine; empty for a worker of an earlier version.")
    since: datetime | None = Field(description="When it started.")
    trainer_bytes: int = Field(description="Most memory that it allows a training.")
    gpus: tuple[Gpu, ...]
    devices: int = Field(default=1, description="Among how many devices it can divide a training.")
    exports: tuple[ExportFormat, ...] | None = Field(
        default=None, description="Formats that it can export to; null for a worker of an earlier version."
    )
    running: RunningJob | None = Field(description="What it runs; null while it waits for a job.")
