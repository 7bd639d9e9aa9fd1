"""The record that makes a version exist: what the trainer knows, plus every file's size and SHA-256.

A manifest is written once and never changed. This module defines its fields and its JSON; it does not know where the
manifest is stored.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, JsonValue

from model_store.errors import ArtifactCorrupt
from model_store.formats import why_not
from model_store.names import FILE_PATTERN, MANIFEST_FILE

LOCAL_OWNER = "local"
"""Owner of what was made without a key."""
# Takes the manifest's place when a draft is given up: its number can then never be committed.
ABANDONED = b'{"abandoned":true}\n'


def _not_the_manifest(name: str) -> str:
    if name == MANIFEST_FILE:
        raise ValueError(f"a manifest cannot list itself: expected another file name, got {name!r}")
    return name


FileName = Annotated[str, Field(pattern=FILE_PATTERN), AfterValidator(_not_the_manifest)]


class FileEntry(BaseModel, defer_build=True):
    """Size and checksum of a file at the time of its publication."""

    model_config = ConfigDict(frozen=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the bytes, in lowercase hex.")
    size_bytes: int = Field(ge=0)


def total_bytes(files: Mapping[str, FileEntry]) -> int:
    """Bytes of all files of a version or of a dataset together."""
    return sum(entry.size_bytes for entry in files.values())


def _is_none(value: object) -> bool:
    return value is None


class DoctorVerdict(BaseModel, defer_build=True):
    """The severest of what was found wrong with a run."""

    model_config = ConfigDict(frozen=True)

    worst: Literal["error", "warning", "info", "none"] = Field(description="Severity of the worst finding.")


class VersionFacts(BaseModel, defer_build=True):
    """What the trainer knows about the version it publishes."""

    model_config = ConfigDict(frozen=True)

    classes: tuple[str, ...] = Field(description="Labels in the order of the network's outputs.")
    input_shape: tuple[int, int, int] = Field(description="Height, width, channels of one picture.")
    parameters: int
    metrics: dict[str, FiniteFloat]
    recipe: dict[str, JsonValue] = Field(description="Hyperparameters of the job.")
    architecture: dict[str, JsonValue] = Field(description="The network, in the architecture grammar.")
    job: str
    dataset: str
    dataset_fingerprint: str
    parity: FiniteFloat = Field(description="Largest difference between Keras and ONNX on real test pictures.")
    runtime: dict[str, str] = Field(description="Versions of the libraries that produced it.")
    owner: str = Field(
        default=LOCAL_OWNER,
        description="Name of the key whose job it was; `local` without keys.",
    )
    tags: tuple[str, ...] = Field(default=(), description="Of the job.")
    note: str | None = Field(default=None, exclude_if=_is_none, description="Of the job.")
    doctor: DoctorVerdict | None = Field(
        default=None,
        exclude_if=_is_none,  # old manifests stay as they were
        description="What the doctor found; missing for a version published before there was one.",
    )
    passed_over: str | None = Field(
        default=None,
        exclude_if=_is_none,
        description="The finding for which the version does not answer by default; null if it may. Its number and "
        "aliases that name it answer all the same.",
    )


class Manifest(VersionFacts):
    """A committed version."""

    format: Literal[1] = 1
    model: str
    version: int = Field(ge=1)
    published_at: AwareDatetime = Field(description="UTC, to the microsecond.")
    files: dict[FileName, FileEntry]

    @classmethod
    def of(
        cls,
        facts: VersionFacts,
        *,
        model: str,
        version: int,
        published_at: datetime,
        files: dict[str, FileEntry],
    ) -> "Manifest":
        """Combine the trainer's facts with the store's own."""
        own = {"model": model, "version": version, "published_at": published_at, "files": files}
        return cls.model_validate({**facts.model_dump(), **own, "format": 1})

    @property
    def full_name(self) -> str:
        """Model and version as people write them, such as `boots/3`."""
        return f"{self.model}/{self.version}"

    def to_bytes(self) -> bytes:
        """UTF-8 JSON, indented for people who open the file."""
        return self.model_dump_json(indent=2).encode() + b"\n"


def parse_manifest(data: bytes, model: str, version: int) -> Manifest:
    """Read a manifest back and check that it describes the version it was stored for.

    Raises:
        ArtifactCorrupt: the bytes are not a manifest, or are the manifest of another version.
    """
    try:
        manifest = Manifest.model_validate_json(data)
    except ValueError as error:
        raise ArtifactCorrupt(model, version, MANIFEST_FILE, why_not(data, Manifest)) from error
    if (manifest.model, manifest.version) != (model, version):
        found = f"it describes version {manifest.version} of {manifest.model!r}"
        raise ArtifactCorrupt(model, version, MANIFEST_FILE, found)
    return manifest
