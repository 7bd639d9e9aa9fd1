"""How models, versions and aliases look in answers. The facts come from the manifest; this module arranges them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel, Field

from model_store import AliasChange, DoctorVerdict, Manifest, WeightedVersion
from model_store.manifest import total_bytes
from service.models.index import ModelEntry
from service.models.split_answers import AliasSplit, CanaryTarget, ShadowTarget, SplitFigures
from service.models.version_record import VersionRecord


def _is_missing(value: object) -> bool:
    """Aliases with one version have no fields about others."""
    return not value


PASSED_OVER = "The finding for which the version does not answer by default; null if it may."
SPLITS = "Only if there are any: the canary and the shadow of an alias."


class VersionLine(BaseModel, defer_build=True):
    """A version in a model's list."""

    version: int = Field(examples=[1])
    published_at: datetime
    metrics: dict[str, float] = Field(examples=[{"test_accuracy": 0.8174, "test_loss": 0.52}])
    parameters: int
    dataset: str = Field(examples=["fashion_mnist"])
    job: str = Field(description="The job that trained it.", examples=["k3v9x2m7qd"])
    aliases: list[str] = Field(description="Aliases that point at it.")
    size_bytes: int = Field(description="All its files together.")
    doctor: DoctorVerdict = Field(description="What the doctor found; `GET …/doctor` has the findings.")
    passed_over: str | None = Field(description=PASSED_OVER)
    owner: str = Field(description="Name of the key whose job it was; `local` without keys.", examples=["ada"])
    tags: list[str] = Field(description="Of the job.")
    note: str | None = Field(description="Of the job.")


class Model(BaseModel, defer_build=True):
    """A model: its versions, ascending, and its aliases."""

    name: str = Field(examples=["fashion_mnist-lenet5-fashion"])
    latest: int | None = Field(
        description="The newest version that is neither damaged nor passed over: the one that answers by default. It "
        "also has the alias `latest`."
    )
    best: int | None = Field(
        description="Of those, the one with the highest test accuracy on the data of the latest one. It also has the "
        "alias `best`."
    )
    passed_over: str | None = Field(
        description="The finding that keeps the newest version from answering by default; null if it may answer."
    )
    owner: str = Field(description="Owner of its oldest version, who may move its aliases.", examples=["ada"])
    versions: list[VersionLine]
    damaged: list[int] = Field(description="Versions whose files are not what was published; they are not served.")
    aliases: dict[str, int] = Field(examples=[{"production": 1}])
    splits: dict[str, AliasSplit] = Field(default={}, exclude_if=_is_missing, description=SPLITS)


class ModelList(BaseModel, defer_build=True):
    """A page of models, by name unless another order was asked for."""

    models: list[Model]
    total: int = Field(description="Models that match, on all pages.")
    next: str | None = Field(description="Path of the next page; null on the last one.")


class Version(Manifest):
    """Everything about a version: its data, its training, its metrics and its files."""

    doctor: DoctorVerdict = Field(description="What the doctor found; `GET …/doctor` has the findings.")
    passed_over: str | None = Field(description=PASSED_OVER)

    aliases: list[str] = Field(description="Aliases that point at it.")
    size_bytes: int = Field(description="All its files together.")


class AliasTarget(BaseModel):
    """Where an alias is to point."""

    model_config = {"extra": "forbid"}

    version: int = Field(ge=1, le=999_999_999, strict=True, examples=[3])
    canary: CanaryTarget | None = Field(
        default=None,
        description="Answers a share of the predictions in its place: its `version`, and `weight`, that share, above 0 "
        "and up to 1. Default: no version does.",
    )
    shadow: ShadowTarget | None = Field(
        default=None,
        description="Is asked the same, and its answers are compared: its `version`, and `weight`, the share of the "
        "predictions (1 if it is left out). Default: no version is.",
    )


class Alias(BaseModel, defer_build=True):
    """An alias, and where it has pointed."""

    alias: str = Field(examples=["production"])
    version: int = Field(examples=[3])
    canary: WeightedVersion | None = Field(
        default=None, exclude_if=_is_missing, description="Only if there is one: answers a share of the predictions."
    )
    shadow: WeightedVersion | None = Field(
        default=None, exclude_if=_is_missing, description="Only if there is one: is asked the same, to be compared."
    )
    figures: SplitFigures | None = Field(
        default=None, exclude_if=_is_missing, description="Only with one of these: how the versions compare."
    )
    history: list[AliasChange] = Field(description="Every change, oldest first; `version` is null for a removal.")


class AliasHistory(BaseModel, defer_build=True):
    """Where an alias points now, and where it has pointed."""

    alias: str = Field(examples=["production"])
    version: int | None = Field(description="Null when it was removed.", examples=[3])
    history: list[AliasChange] = Field(description="Every change, oldest first; `version` is null for a removal.")


class AliasList(BaseModel, defer_build=True):
    """Where a model's aliases point."""

    aliases: dict[str, int] = Field(examples=[{"production": 3}])
    splits: dict[str, AliasSplit] = Field(default={}, exclude_if=_is_missing, description=SPLITS)


def version_at(history: Sequence[AliasChange], at: datetime) -> int | None:
    """The version that an alias pointed at; None before its first change, and while it was removed."""
    return next((change.version for change in reversed(history) if change.at <= at), None)


def model_answer(entry: ModelEntry) -> Model:
    """A model as the API shows it."""
    return Model(
        name=entry.name,
        latest=entry.latest.version if entry.latest else None,
        best=entry.best.version if entry.best else None,
        passed_over=entry.versions[max(entry.versions)].standing.passed_over if entry.versions else None,
        owner=entry.owner,
        versions=[_line(entry, version) for version in entry.versions.values()],
        damaged=sorted(entry.damaged),
        aliases=dict(entry.aliases),
        splits=splits_of(entry),
    )


def splits_of(entry: ModelEntry) -> Mapping[str, AliasSplit]:
    """The canary and the shadow of every alias that has one."""
    return {alias: AliasSplit(canary=split.canary, shadow=split.shadow) for alias, split in entry.splits.items()}


def version_answer(entry: ModelEntry, manifest: Manifest) -> Version:
    """A version as the API shows it."""
    standing = entry.versions[manifest.version].standing
    return Version(
        **manifest.model_dump(exclude={"doctor", "passed_over"}),
        doctor=DoctorVerdict(worst=standing.worst),
        passed_over=standing.passed_over,
        aliases=_aliases_of(entry, manifest.version),
        size_bytes=total_bytes(manifest.files),
    )


def _line(entry: ModelEntry, version: VersionRecord) -> VersionLine:
    return VersionLine(
        owner=version.owner,
        tags=list(version.tags),
        note=version.note,
        doctor=DoctorVerdict(worst=version.standing.worst),
        passed_over=version.standing.passed_over,
        version=version.version,
        published_at=version.published_at,
        metrics=dict(version.metrics),
        parameters=version.parameters,
        dataset=version.dataset,
        job=version.job,
        aliases=_aliases_of(entry, version.version),
        size_bytes=version.size_bytes,
    )


def _aliases_of(entry: ModelEntry, version: int) -> list[str]:
    return sorted(alias for alias, target in entry.aliases.items() if target == version)
