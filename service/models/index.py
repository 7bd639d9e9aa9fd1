"""The published versions at one moment: turns a reference (model, version, alias, or nothing) into a manifest.

Immutable, and read by `service.models.catalog`. Nothing here reads the store.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from model_store import AliasNotFound, ArtifactCorrupt, Manifest, ModelNotFound, VersionNotFound
from service.errors import NothingPublished


class Reference(NamedTuple):
    """Which version is meant: by number, by alias, or the latest; of one model, or of the model published last."""

    model: str | None = None
    version: int | None = None
    alias: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether any sound version will do."""
        return self.version is None and self.alias is None


@dataclass(frozen=True)
class Damage:
    """One damaged version, and the file at fault."""

    model: str
    version: int
    file: str


@dataclass(frozen=True)
class ModelEntry:
    """One model: its sound versions in ascending order, the file at fault of each damaged one, its aliases."""

    name: str
    versions: Mapping[int, Manifest]
    damaged: Mapping[int, str]
    aliases: Mapping[str, int]

    @property
    def latest(self) -> Manifest | None:
        """The sound version with the highest number."""
        return self.versions[max(self.versions)] if self.versions else None

    def version(self, number: int) -> Manifest:
        """One version. Raises `VersionNotFound`, `ArtifactCorrupt`."""
        if number in self.damaged:
            raise ArtifactCorrupt(self.name, number, self.damaged[number])
        if number not in self.versions:
            raise VersionNotFound(self.name, number)
        return self.versions[number]

    def alias(self, alias: str) -> int:
        """The version an alias points at. Raises `AliasNotFound`."""
        if alias not in self.aliases:
            raise AliasNotFound(self.name, alias)
        return self.aliases[alias]

    def resolve(self, reference: Reference) -> Manifest:
        """The version meant. Raises `AliasNotFound`, `VersionNotFound`, `ArtifactCorrupt`."""
        if reference.version is not None:
            return self.version(reference.version)
        if reference.alias is not None:
            return self.version(self.alias(reference.alias))
        return self.latest or self.version(max(self.damaged))

    def without(self, damaged: Mapping[int, str]) -> "ModelEntry":
        """This entry with more versions known to be damaged."""
        sound = {number: manifest for number, manifest in self.versions.items() if number not in damaged}
        return replace(self, versions=sound, damaged={**self.damaged, **damaged})


@dataclass(frozen=True)
class Index:
    """All models as they were at one moment, by the clock of the catalog."""

    models: Mapping[str, ModelEntry]
    read_at: float

    def model(self, name: str) -> ModelEntry:
        """One model. Raises `ModelNotFound`."""
        if name not in self.models:
            raise ModelNotFound(name)
        return self.models[name]

    def resolve(self, reference: Reference) -> Manifest:
        """The version meant. Raises the store's `…NotFound` errors, `ArtifactCorrupt`, `NothingPublished`."""
        if reference.model is not None:
            return self.model(reference.model).resolve(reference)
        latest = [entry.latest for entry in self.models.values() if entry.latest]
        if not latest:
            raise NothingPublished
        return max(latest, key=lambda manifest: manifest.published_at)

    def versions(self) -> set[tuple[str, int]]:
        """Every sound version."""
        return {(entry.name, number) for entry in self.models.values() for number in entry.versions}

    def damaged(self) -> set[Damage]:
        """Every damaged version."""
        return {
            Damage(entry.name, number, file) for entry in self.models.values() for number, file in entry.damaged.items()
        }

    def without(self, damages: Collection[Damage]) -> "Index":
        """This index with more versions known to be damaged; versions that it does not have are ignored."""
        models = dict(self.models)
        for damage in damages:
            entry = models.get(damage.model)
            if entry is not None and damage.version in entry.versions:
                models[damage.model] = entry.without({damage.version: damage.file})
        return replace(self, models=models)
