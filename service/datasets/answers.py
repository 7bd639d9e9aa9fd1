"""Answers of the dataset routes, built from a built-in dataset, an uploaded one, or a conversion."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field, JsonValue

from model_store import ConversionFailure, ConversionStatus, DatasetManifest
from model_store.manifest import total_bytes
from worker.datasets import DatasetInfo
from worker.datasets.upload.report import DatasetReport
from worker.datasets.uploaded import info_of

NOT_HERE = "Its files are not on this server's disk yet; the first job that needs them fetches them."
NO_FINGERPRINT = (
    "Its fingerprint is not known in advance: when its files are read they are compared with the published checksums, "
    "and every model trained on it records the fingerprint in its manifest."
)
DatasetState = Literal["ready", "converting", "failed"]


class DatasetClass(BaseModel, defer_build=True):
    """One class and its pictures."""

    label: str = Field(examples=["Ankle boot"])
    train: int = Field(description="Pictures to train on.", examples=[6000])
    test: int = Field(description="Pictures in the test split.", examples=[1000])


class ConversionProgress(BaseModel, defer_build=True):
    """Progress of an upload's conversion."""

    phase: str = Field(description="`reading`, `decoding`, `packing` or `storing`.", examples=["decoding"])
    done: int = Field(description="Files processed in this phase.")
    total: int = Field(description="Files to process in this phase.")


class DatasetVersion(BaseModel, defer_build=True):
    """One version of an uploaded dataset. A version never changes."""

    version: int
    fingerprint: str = Field(description="As in the manifests of the models that were trained on it.")
    classes: int
    train: int
    test: int
    validation: int
    size_bytes: int
    created_at: datetime


class DatasetAddition(BaseModel, defer_build=True):
    """Pictures that are being added to a dataset, or that could not be."""

    version: int = Field(description="The version that they become.")
    state: Literal["converting", "failed"]
    progress: ConversionProgress | None = None
    error: ConversionFailure | None = Field(default=None, description="When `failed`.")
    report: DatasetReport | None = Field(default=None, description="When `failed`: what the conversion noticed.")


class DatasetAnswer(BaseModel, defer_build=True):
    """A dataset, or an upload that is becoming one."""

    name: str = Field(examples=["fashion_mnist"])
    title: str
    state: DatasetState = Field(default="ready", description="Only a `ready` dataset has facts and can be trained on.")
    version: int | None = Field(
        default=None, description="Of an uploaded dataset: the version described here, by default the newest."
    )
    versions: list[DatasetVersion] = Field(
        default=[],
        description="Of an uploaded dataset: all versions, the first one first. Adding pictures makes a version.",
    )
    addition: DatasetAddition | None = Field(
        default=None, description="Pictures that are being added, or the last ones that could not be."
    )
    owner: str | None = Field(
        default=None,
        description="Name of the key that uploaded it; `local` without keys, null for a built-in dataset.",
        examples=["ada"],
    )
    built_in: bool = Field(description="Comes with the program; it cannot be deleted.")
    image_shape: tuple[int, int, int] | None = Field(
        description="Height, width, channels; null unless `ready`.", examples=[[28, 28, 1]]
    )
    classes: list[DatasetClass] = Field(description="In the order of a model's `class_index`.")
    train: int = Field(description="Pictures to train on, all classes together.")
    test: int = Field(description="Pictures in the test split, all classes together.")
    validation: int = Field(
        default=0,
        description="Pictures in the dataset's own validation split, all classes together; 0 when it has none.",
    )
    mean: tuple[float, ...] | None = Field(
        default=None, description="Of each channel of the training pictures, scaled to [0, 1]."
    )
    deviation: tuple[float, ...] | None = Field(
        default=None, description="Standard deviation of each channel, likewise."
    )
    fingerprint: str | None = Field(
        default=None,
        description="SHA-256 over shapes, pixels and labels; every model trained on it records it in its manifest.",
    )
    available: bool = Field(description="On this server's disk; otherwise the first job that needs it fetches it.")
    preview: str | None = Field(default=None, description="Path of its contact sheet; null when there is none.")
    tags: list[str] = Field(default=[], description="Words of its owner to find it by.", examples=[["week-3"]])
    note: str | None = Field(
        default=None, description="A remark of its owner; of a dataset that is not complete, why something is null."
    )
    licence: str
    source: str = Field(description="Where it comes from.")
    progress: ConversionProgress | None = Field(default=None, description="While `converting`.")
    error: ConversionFailure | None = Field(default=None, description="When `failed`.")
    report: DatasetReport | None = Field(
        default=None, description="Of an uploaded dataset or a failed upload: what the conversion noticed."
    )
    options: dict[str, JsonValue] | None = Field(default=None, description="Of an uploaded dataset: how it was made.")
    size_bytes: int | None = Field(default=None, description="Of an uploaded dataset: bytes in the store.")
    created_at: datetime | None = Field(default=None, description="Of an uploaded dataset or an upload.")


class DatasetList(BaseModel, defer_build=True):
    """All datasets."""

    datasets: list[DatasetAnswer]


def built_in_answer(info: DatasetInfo, available: bool) -> DatasetAnswer:
    """The answer for a built-in dataset, whose facts are known even without its files."""
    return DatasetAnswer(
        **_facts(info),
        built_in=True,
        available=available,
        preview=preview_path(info.name) if available else None,
        note=" ".join(_remarks(info, available)) or None,
    )


def _remarks(info: DatasetInfo, available: bool) -> Iterator[str]:
    if not available:
        yield NOT_HERE
    if info.fingerprint is None:
        yield NO_FINGERPRINT


def uploaded_answer(
    manifest: DatasetManifest, versions: Sequence[DatasetManifest] = (), addition: ConversionStatus | None = None
) -> DatasetAnswer:
    """The answer for a published upload.

    Args:
        manifest: of the version to describe.
        versions: all versions, ascending.
        addition: what is being added, or could not be.
    """
    return DatasetAnswer(
        version=manifest.version,
        versions=[_version(found) for found in versions or (manifest,)],
        addition=None if addition is None else _addition(addition),
        **_facts(info_of(manifest)),
        owner=manifest.owner,
        tags=list(manifest.tags),
        note=manifest.note,
        built_in=False,
        available=True,
        preview=preview_path(manifest.name),
        report=DatasetReport.model_validate(manifest.report),
        options=manifest.options,
        size_bytes=total_bytes(manifest.files),
        created_at=manifest.published_at,
    )


def _version(manifest: DatasetManifest) -> DatasetVersion:
    return DatasetVersion(
        version=manifest.version,
        fingerprint=manifest.fingerprint,
        classes=len(manifest.classes),
        train=sum(manifest.train_per_class),
        test=sum(manifest.test_per_class),
        validation=sum(manifest.validation_per_class or ()),
        size_bytes=total_bytes(manifest.files),
        created_at=manifest.published_at,
    )


def _addition(status: ConversionStatus) -> DatasetAddition:
    is_converting = status.state == "converting"
    progress = ConversionProgress(phase=status.phase, done=status.done, total=status.total)
    report = None if status.report is None or is_converting else DatasetReport.model_validate(status.report)
    return DatasetAddition(
        version=status.version,
        state=status.state,
        progress=progress if is_converting else None,
        error=status.error,
        report=report,
    )


def conversion_answer(name: str, status: ConversionStatus) -> DatasetAnswer:
    """The answer for an upload that is being converted, or whose conversion failed."""
    is_converting = status.state == "converting"
    progress = ConversionProgress(phase=status.phase, done=status.done, total=status.total)
    return DatasetAnswer(
        name=name,
        title="",
        state=status.state,
        owner=status.owner,
        built_in=False,
        image_shape=None,
        classes=[],
        train=0,
        test=0,
        available=False,
        note="It is still being converted." if is_converting else "Its conversion failed; see `error`.",
        licence="",
        source="",
        progress=progress if is_converting else None,
        error=status.error,
        report=None if status.report is None or is_converting else DatasetReport.model_validate(status.report),
        created_at=status.started_at,
    )


def damaged_answer(name: str, file: str) -> DatasetAnswer:
    """The answer for a dataset whose manifest or status cannot be read; it is listed so that it can be deleted."""
    error = ConversionFailure(
        code="dataset_corrupt", message=f"Its {file} in the store is damaged.", hint="Delete it and upload it again."
    )
    return DatasetAnswer(
        name=name,
        title="",
        state="failed",
        built_in=False,
        image_shape=None,
        classes=[],
        train=0,
        test=0,
        available=False,
        note=error.message,
        licence="",
        source="",
        error=error,
    )


def preview_path(name: str) -> str:
    """Path at which a dataset's contact sheet is served."""
    return f"/datasets/{name}/preview.png"


def _facts(info: DatasetInfo) -> dict[str, object]:
    per_class = zip(info.classes, info.train_per_class, info.test_per_class, strict=True)
    return {
        "name": info.name,
        "title": info.title,
        "image_shape": info.image_shape,
        "classes": [DatasetClass(label=label, train=train, test=test) for label, train, test in per_class],
        "train": info.n_train,
        "test": info.n_test,
        "validation": info.n_validation,
        "mean": info.mean,
        "deviation": info.deviation,
        "fingerprint": info.fingerprint,
        "licence": info.licence,
        "source": info.source,
    }
