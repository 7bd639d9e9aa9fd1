"""What the worker and the API read from the environment, as frozen values built once at the entry point.

Library code never touches `os.environ`; it is handed what it needs. Hyperparameters are not settings: they belong
to a job and end up in its manifest.
"""

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from worker.data_home import default_data_dir
from worker.patterns import UMASK_PATTERN, WEB_ADDRESS_PATTERN
from worker.telemetry.logs import LogFormat, LogLevel


def lowered(value: object) -> object:
    """The text of a variable in lower case."""
    return value.lower() if isinstance(value, str) else value


def unset_if_empty(value: object) -> object:
    """Compose files can hand a variable on only as an empty one when it is not set."""
    return value or None


class SharedSettings(BaseSettings):
    """Where things are: read by every process, so that they meet in the same place."""

    model_config = SettingsConfigDict(env_prefix="CONVSERVE_", frozen=True, extra="ignore")

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Directory that holds the embedded server's data, and the store and the datasets by default. "
        "Default: `convserve-data` in a checkout, and wherever it exists; else `$XDG_DATA_HOME/convserve`, which is "
        "`~/.local/share/convserve` unless that variable is set.",
    )
    datasets_dir: Path | None = Field(
        default=None, description="Directory of the datasets' official files; default `<data_dir>/datasets`."
    )
    redis_url: str = Field(
        default="redis://127.0.0.1:6379/0",
        description="Redis or Valkey server for job records and the queue (`redis://`, `rediss://` or `unix://`).",
    )
    store_url: str | None = Field(
        default=None,
        description="Model store: a directory, `file://`, `s3://`, `gs://` or `az://`; default `<data_dir>/store`.",
    )
    min_free_bytes: int = Field(
        default=256 * 1024 * 1024,
        ge=0,
        description="Space in bytes that stays free on the disks of the store and of uploads; jobs, uploads and "
        "publishing that would use it are refused.",
    )
    trainer_memory_bytes: Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(unset_if_empty)] = Field(
        default=None,
        description="Most memory a trainer may hold, in bytes; beyond it, its job fails as `out_of_memory`. Default: "
        "twice the estimate and 2 GiB, and at most 80 % of the worker's memory. The API refuses larger trainings; it "
        "reads this setting only while no worker is running.",
    )
    fair_half_life_s: float = Field(
        default=4 * 3600.0,
        gt=0,
        description="Owners of jobs take turns by the worker time that they have used; after this many seconds, it "
        "counts half.",
    )
    umask: Annotated[str, Field(pattern=UMASK_PATTERN)] = Field(
        default="077",
        description="Octal umask of the processes: with `077` new files and directories are for their user alone; "
        "`007` shares a store between users of one group.",
    )
    log_format: Annotated[LogFormat, BeforeValidator(lowered)] = Field(
        default="readable", description="Log lines for people (`readable`), or one JSON object per line (`json`)."
    )
    log_level: Annotated[LogLevel, BeforeValidator(lowered)] = Field(
        default="info", description="Lowest level that is logged: `debug`, `info`, `warning` or `error`."
    )
    otel_endpoint: Annotated[
        Annotated[str, Field(pattern=WEB_ADDRESS_PATTERN)] | None, BeforeValidator(unset_if_empty)
    ] = Field(
        default=None,
        description="OTLP/HTTP collector that gets traces, such as `http://localhost:4318`; default: no traces.",
    )
    otel_service_name: str = Field(
        default="convserve", min_length=1, description="Name under which the traces of a process are shown."
    )

    @property
    def datasets_path(self) -> Path:
        """Directory of the datasets, with the default filled in."""
        return self.datasets_dir or self.data_dir / "datasets"

    @property
    def store_location(self) -> str:
        """URL or directory of the model store, with the default filled in."""
        return self.store_url or str((self.data_dir / "store").absolute())

    @property
    def broker_url(self) -> str:
        """The same server in the spelling Celery wants: kombu calls a Unix socket `redis+socket://`."""
        parts = urlsplit(self.redis_url)
        if parts.scheme != "unix":
            return self.redis_url
        database = parse_qs(parts.query).get("db", ["0"])[0]
        return f"redis+socket://{parts.path}?virtual_host={database}"


def use_umask(settings: SharedSettings) -> None:
    """Set the umask of this process and of the processes it starts; called at entry points."""
    os.umask(int(settings.umask, 8))


class LedgerSettings(SharedSettings):
    """What becomes of jobs that have ended and of old versions; read by the API, which has more settings of its own."""

    notify_secret: Annotated[SecretStr | None, BeforeValidator(unset_if_empty)] = Field(
        default=None,
        min_length=16,
        description="Secret with which notices of the end of a job are signed (`notify`, 16 characters or more); "
        "default: they are not.",
    )
    notify_private: bool = Field(
        default=False, description="Send notices of the end of a job to addresses that are not public, too."
    )
    keep_best: Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(unset_if_empty)] = Field(
        default=None,
        description="How many versions of each model stay, those with the highest test accuracy, besides those with an "
        "alias, the latest and the best one; others are deleted every hour. Default: all stay.",
    )
    delete_after_days: Annotated[Annotated[float, Field(gt=0)] | None, BeforeValidator(unset_if_empty)] = Field(
        default=None,
        description="Versions younger than so many days stay, too; alone, older ones without an alias are deleted; "
        "default: none are.",
    )
    finished_jobs_kept: int = Field(
        default=1000,
        ge=0,
        description="Finished jobs that stay in Redis; the oldest beyond them are moved to the model store, some "
        "hundred at a time, and are found and listed as before.",
    )


class WorkerSettings(SharedSettings):
    """What only a worker reads."""

    spare_trainer: bool = Field(
        default=True,
        description="Keep one idle trainer process with Keras imported, so that a job starts at once (about 0.3 GB).",
    )
    trainer_template: bool = Field(
        default=True,
        description="Fork trainers from one process that has imported Keras, which saves each of them 3 s of processor "
        "time. Only on Linux, with TensorFlow, where no GPU is used and while a spare trainer is kept; otherwise each "
        "trainer is started by itself.",
    )
    trainer_niceness: int = Field(
        default=10,
        ge=0,
        le=19,
        description="CPU niceness of trainers, so that the API on the same machine comes first.",
    )
    virtual_devices: Annotated[Annotated[int, Field(ge=1, le=8)] | None, BeforeValidator(unset_if_empty)] = Field(
        default=None,
        description="For tests, where there is no GPU: number of devices that the processor is split into, so that "
        "jobs with `devices` run. They share its cores, so nothing becomes faster.",
    )
    max_job_s: float = Field(
        default=24 * 3600.0,
        gt=0,
        description="Longest time a job may run, all its attempts together, in seconds; it then fails as "
        "`took_too_long`.",
    )
    cancel_grace_s: float = Field(
        default=5.0, gt=0, description="Seconds a cancelled trainer gets to end by itself before it is killed."
    )
    stall_timeout_s: float = Field(
        default=120.0,
        gt=0,
        description="Seconds a training loop may be silent and idle before its trainer counts as hung and is killed.",
    )
    pause_grace_s: float = Field(
        default=30.0, gt=0, description="Seconds a training gets to save where it is when its worker is told to stop."
    )
    lease_s: float = Field(
        default=30.0, ge=3, description="Seconds without a word from a worker after which its job is given to another."
    )
    tensorboard_dir: str | None = Field(
        default=None,
        description="Directory of TensorBoard's event files, with a folder for each of the latest 1,000 trainings; "
        "default `<data_dir>/tensorboard`; empty: none are written.",
    )
    cifar10_url: str | None = Field(
        default=None, description="Mirror of the CIFAR-10 archive; default: its official home."
    )
    cifar100_url: str | None = Field(
        default=None, description="Mirror of the CIFAR-100 archive; default: its official home."
    )
    mnist_url: str | None = Field(
        default=None, description="Mirror of the MNIST files' directory; default: Google's copy of the official files."
    )
    fashion_mnist_url: str | None = Field(
        default=None, description="Mirror of the Fashion-MNIST files' directory; default: its official home."
    )

    @property
    def tensorboard_path(self) -> Path | None:
        """Directory of event files, with the default filled in; None where none are written."""
        if self.tensorboard_dir is None:
            return self.data_dir / "tensorboard"
        return Path(self.tensorboard_dir) if self.tensorboard_dir else None
