"""The two records of an uploaded dataset: how its conversion goes, and, once it is whole, its manifest.

The status is replaced every few seconds by the process that converts; the manifest is written once. Neither says where
it lies.
"""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, JsonValue

from model_store.dataset_errors import DatasetDamaged
from model_store.manifest import FileEntry, FileName
from model_store.names import MANIFEST_FILE

SILENCE_S = 60.0
"""A conversion that has said nothing for so long has died with its process: twelve missed heartbeats."""

Phase = Literal["reading", "decoding", "packing", "storing"]


class ConversionFailure(BaseModel):
    """Why there is no dataset: `code` for programs, `message` and `hint` for people."""

    model_config = ConfigDict(frozen=True)

    code: str = Field(examples=["archive_rejected"])
    message: str
    hint: str | None = None


class ConversionStatus(BaseModel):
    """How the conversion of one upload goes, or why it failed."""

    model_config = ConfigDict(frozen=True)

    upload: str = Field(description="Id of the upload; ids sort by time.")
    state: Literal["converting", "failed"] = "converting"
    phase: Phase = "reading"
    done: int = Field(default=0, description="Files dealt with in this phase.")
    total: int = Field(default=0, description="Files to deal with.")
    started_at: AwareDatetime
    heartbeat_at: AwareDatetime = Field(description="When the converting process last said something.")
    error: ConversionFailure | None = None

    def as_seen(self, now: datetime) -> "ConversionStatus":
        """This status, or the failure that a long silence amounts to."""
        if self.state == "failed" or now - self.heartbeat_at < timedelta(seconds=SILENCE_S):
            return self
        return self.model_copy(update={"state": "failed", "error": INTERRUPTED})


INTERRUPTED = ConversionFailure(
    code="interrupted",
    message="The process that converted the upload has ended before it was done.",
    hint="Upload the archive again.",
)


class DatasetFacts(BaseModel):
    """What the conversion knows about the dataset it made."""

    model_config = ConfigDict(frozen=True)

    title: str
    classes: tuple[str, ...] = Field(description="Labels in the order of their index.")
    image_shape: tuple[int, int, int] = Field(description="Height, width, channels.")
    train_per_class: tuple[int, ...]
    test_per_class: tuple[int, ...]
    mean: tuple[FiniteFloat, ...] = Field(description="Of each channel of the training pictures, scaled to [0, 1].")
    deviation: tuple[FiniteFloat, ...] = Field(description="Standard deviation, likewise.")
    fingerprint: str = Field(description="SHA-256 over shapes, pixels and labels.")
    licence: str
    source: str
    options: dict[str, JsonValue] = Field(description="What the upload asked for, defaults filled in.")
    report: dict[str, JsonValue] = Field(description="What was skipped and what looks odd.")


class DatasetManifest(DatasetFacts):
    """A published dataset."""

    format: Literal[1] = 1
    name: str
    upload: str
    published_at: AwareDatetime = Field(description="UTC, to the microsecond.")
    files: dict[FileName, FileEntry]

    def to_bytes(self) -> bytes:
        """UTF-8 JSON, indented for the human who opens it."""
        return self.model_dump_json(indent=1).encode() + b"\n"


def parse_dataset_manifest(data: bytes, name: str) -> DatasetManifest:
    """Read a manifest back.

    Raises:
        DatasetDamaged: the bytes are no manifest, or that of another dataset.
    """
    try:
        manifest = DatasetManifest.model_validate_json(data)
    except ValueError as error:
        raise DatasetDamaged(name, MANIFEST_FILE, "it does not parse") from error
    if manifest.name != name:
        raise DatasetDamaged(name, MANIFEST_FILE, f"it describes dataset {manifest.name!r}")
    return manifest
