"""How models, versions and aliases look in answers. The facts come from the manifest; this module arranges them."""

from datetime import datetime

from pydantic import BaseModel, Field

from model_store import AliasChange, Manifest
from service.models.index import ModelEntry
from worker.reports.mistakes import Mistake, Mistakes


class VersionLine(BaseModel):
    """A version in a model's list."""

    version: int = Field(examples=[1])
    published_at: datetime
    metrics: dict[str, float] = Field(examples=[{"test_accuracy": 0.8174, "test_loss": 0.52}])
    parameters: int
    dataset: str = Field(examples=["fashion_mnist"])
    job: str = Field(description="The job that trained it.", examples=["k3v9x2m7qd"])
    aliases: list[str] = Field(description="Aliases that point at it.")
    size_bytes: int = Field(description="All its files together.")


class Model(BaseModel):
    """A model: its versions, ascending, and its aliases."""

    name: str = Field(examples=["fashion_mnist-lenet5-fashion"])
    latest: int | None = Field(description="The newest sound version: the one that answers by default.")
    versions: list[VersionLine]
    damaged: list[int] = Field(description="Versions whose files are not what was published; they are not served.")
    aliases: dict[str, int] = Field(examples=[{"production": 1}])


class ModelList(BaseModel):
    """All models, by name."""

    models: list[Model]


class Version(Manifest):
    """Everything about a version: its data, its training, its metrics and its files."""

    aliases: list[str] = Field(description="Aliases that point at it.")
    size_bytes: int = Field(description="All its files together.")


class AliasTarget(BaseModel):
    """Where an alias is to point."""

    model_config = {"extra": "forbid"}

    version: int = Field(ge=1, le=999_999_999, strict=True, examples=[3])


class Alias(BaseModel):
    """An alias, and where it has pointed."""

    alias: str = Field(examples=["production"])
    version: int = Field(examples=[3])
    history: list[AliasChange] = Field(description="Every change, oldest first; `version` is null for a removal.")


class AliasList(BaseModel):
    """Where a model's aliases point."""

    aliases: dict[str, int] = Field(examples=[{"production": 3}])


class MistakeList(BaseModel):
    """Mistakes of a version on the test split, the most confident first."""

    pictures: int = Field(description="Pictures in the test split.")
    total: int = Field(description="Mistakes among them.")
    kept: int = Field(description="How many of these the version has kept: the most confident ones.")
    matching: int = Field(description="Kept mistakes that match the filters; no more than `limit` of them are listed.")
    mistakes: list[Mistake]


def model_answer(entry: ModelEntry) -> Model:
    """A model as the API shows it."""
    return Model(
        name=entry.name,
        latest=entry.latest.version if entry.latest else None,
        versions=[_line(entry, manifest) for manifest in entry.versions.values()],
        damaged=sorted(entry.damaged),
        aliases=dict(entry.aliases),
    )


def version_answer(entry: ModelEntry, manifest: Manifest) -> Version:
    """A version as the API shows it."""
    return Version(
        **manifest.model_dump(), aliases=_aliases_of(entry, manifest.version), size_bytes=_size_bytes(manifest)
    )


def mistakes_answer(kept: Mistakes, true: str | None, predicted: str | None, limit: int) -> MistakeList:
    """The mistakes between two classes; a class that is not named stands for every class."""
    matching = [
        mistake for mistake in kept.mistakes if true in {None, mistake.true} and predicted in {None, mistake.predicted}
    ]
    return MistakeList(
        pictures=kept.pictures,
        total=kept.total,
        kept=len(kept.mistakes),
        matching=len(matching),
        mistakes=matching[:limit],
    )


def _line(entry: ModelEntry, manifest: Manifest) -> VersionLine:
    return VersionLine(
        version=manifest.version,
        published_at=manifest.published_at,
        metrics=manifest.metrics,
        parameters=manifest.parameters,
        dataset=manifest.dataset,
        job=manifest.job,
        aliases=_aliases_of(entry, manifest.version),
        size_bytes=_size_bytes(manifest),
    )


def _aliases_of(entry: ModelEntry, version: int) -> list[str]:
    return sorted(alias for alias, target in entry.aliases.items() if target == version)


def _size_bytes(manifest: Manifest) -> int:
    return sum(file.size_bytes for file in manifest.files.values())
