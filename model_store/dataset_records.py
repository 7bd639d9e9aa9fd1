"""The two records of an uploaded dataset: the status of its conversion and, once it is published, its manifest.

The converting process replaces the status every few seconds; the manifest is written once. This module does not know
where they are stored.
"""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, JsonValue

from model_store.dataset_errors import DatasetDamaged
from model_store.formats import why_not
from model_store.manifest import LOCAL_OWNER, FileEntry, FileName
from model_store.names import MANIFEST_FILE

SILENCE_S = 60.0
"""After this silence a conversion counts as dead, together with its process: twelve missed heartbeats."""

Phase = Literal["reading", "decoding", "packing", "storing"]


class ConversionFailure(BaseModel, defer_build=True):
    """Why there is no dataset: `code` for programs, `message` and `hint` for people."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(examples=["archive_rejected"])
    message: str
    hint: str | None = None


class ConversionStatus(BaseModel, defer_build=True):
    """The progress of an upload's conversion, or why it failed."""

    model_config = ConfigDict(frozen=True)

    upload: str = Field(description="Id of the upload; ids sort by time.")
    owner: str = LOCAL_OWNER
    size_bytes: int = Field(default=0, description="Of the archive; once it is converted, of the dataset.")
    version: int = Field(default=1, description="Version of the dataset that it becomes.")
    state: Literal["converting", "failed"] = "converting"
    phase: Phase = "reading"
    done: int = Field(default=0, description="Files processed in this phase.")
    total: int = Field(default=0, description="Files to process in this phase.")
    started_at: AwareDatetime
    heartbeat_at: AwareDatetime = Field(description="When the converting process last reported.")
    error: ConversionFailure | None = None
    report: dict[str, JsonValue] | None = Field(default=None, description="What was noticed so far.")

    def as_seen(self, now: datetime) -> "ConversionStatus":
        """This status, or `failed` (`interrupted`) when the converting process has been silent too long."""
        if self.state == "failed" or now - self.heartbeat_at < timedelta(seconds=SILENCE_S):
            return self
        return self.model_copy(update={"state": "failed", "error": INTERRUPTED})


INTERRUPTED = ConversionFailure(
    code="interrupted",
    message="The process that converted the upload ended before the conversion was complete.",
    hint="Upload the archive again.",
)


class DatasetFacts(BaseModel, defer_build=True):
    """What the conversion knows about the dataset it produced."""

    model_config = ConfigDict(frozen=True)

    title: str
    classes: tuple[str, ...] = Field(description="Labels in the order of their index.")
    image_shape: tuple[int, int, int] = Field(description="Height, width, channels.")
    train_per_class: tuple[int, ...]
    test_per_class: tuple[int, ...]
    validation_per_class: tuple[int, ...] | None = Field(
        default=None, description="Of the validation split; null when there is none."
    )
    mean: tuple[FiniteFloat, ...] = Field(
        description="Mean of each channel over the training pictures, scaled to [0, 1]."
    )
    deviation: tuple[FiniteFloat, ...] = Field(description="Standard deviation of each channel, on the same scale.")
    fingerprint: str = Field(description="SHA-256 over shapes, pixels and labels.")
    licence: str
    source: str
    tags: tuple[str, ...] = ()
    note: str | None = None
    options: dict[str, JsonValue] = Field(description="Options of the upload, with defaults filled in.")
    report: dict[str, JsonValue] = Field(description="What was skipped and what looks unusual.")


class DatasetManifest(DatasetFacts):
    """A published dataset."""

    format: Literal[1] = 1
    name: str
    version: int = Field(
        default=1, description="Versions after the first have the pictures of the one before, and more."
    )
    upload: str
    owner: str = Field(
        default=LOCAL_OWNER,
        description="Name of the key that uploaded it; `local` without keys.",
    )
    published_at: AwareDatetime = Field(description="UTC, to the microsecond.")
    files: dict[FileName, FileEntry]

    def to_bytes(self) -> bytes:
        """UTF-8 JSON, indented for people who open the file."""
        return self.model_dump_json(indent=1).encode() + b"\n"


def parse_dataset_manifest(data: bytes, name: str) -> DatasetManifest:
    """Read a manifest back.

    Raises:
        DatasetDamaged: the bytes are not a manifest, or are the manifest of another dataset.
    """
    try:
        manifest = DatasetManifest.model_validate_json(data)
    except ValueError as error:
        raise DatasetDamaged(name, MANIFEST_FILE, why_not(data, DatasetManifest)) from error
    if manifest.name != name:
        raise DatasetDamaged(name, MANIFEST_FILE, f"it describes dataset {manifest.name!r}")
    return manifest
