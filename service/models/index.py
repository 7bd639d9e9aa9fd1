"""The published versions at one moment: turns a reference (model, version, alias, or nothing) into a manifest.

Immutable, and read by `service.models.catalog`. Nothing here reads the store.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from model_store import (
    AliasNotFound,
    ArtifactCorrupt,
    Manifest,
    ModelNotFound,
    Split,
    VersionNotFound,
    WeightedVersion,
)
from model_store.aliases import NO_SPLIT
from model_store.manifest import LOCAL_OWNER
from service.errors import NothingPublished, VersionPassedOver
from service.models.version_record import VersionRecord
from worker.jobs.lineage import VersionReference

LATEST, BEST = "latest", "best"
COMPUTED = (LATEST, BEST)
"""Aliases that every model has and that nobody sets. One of such a name that an earlier version of this program stored
is not used, and stays in the store until it is removed."""


class Reference(NamedTuple):
    """Which version is meant: by number, by alias, or the latest; of one model, or of the model published last."""

    model: str | None = None
    version: int | None = None
    alias: str | None = None

    @classmethod
    def to(cls, named: VersionReference) -> "Reference":
        """The same as a job or a word names it."""
        return cls(named.model, named.version, named.alias)

    @property
    def is_open(self) -> bool:
        """Whether any sound version will do."""
        return self.version is None and self.alias is None

    @property
    def may_fall_back(self) -> bool:
        """Whether another version may answer when this one turns out to be damaged."""
        return self.version is None and self.alias in (None, *COMPUTED)


@dataclass(frozen=True)
class Damage:
    """One damaged version, and the file at fault."""

    model: str
    version: int
    file: str


def accuracy_rank(version: VersionRecord) -> tuple[bool, float, int]:
    """Versions of a model in the order of their test accuracy; of equals, the newest is last.

    Those that were tested on the whole test split come after all others: on few pictures, luck may lead.
    """
    accuracy = version.metric("test_accuracy")
    return version.is_tested_whole, -1.0 if accuracy is None else accuracy, version.version


@dataclass(frozen=True)
class ModelEntry:
    """One model: its sound versions in ascending order, the file at fault of each damaged one, its aliases.

    `splits` has the versions that take part in the requests of an alias as they were asked for; `split` says which of
    them do.
    """

    name: str
    versions: Mapping[int, VersionRecord]
    damaged: Mapping[int, str]
    aliases: Mapping[str, int]
    splits: Mapping[str, Split] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """Owner of the model: of its oldest version that can be read."""
        return self.versions[min(self.versions)].owner if self.versions else LOCAL_OWNER

    def owner_of(self, number: int) -> str:
        """Owner of a version; of a damaged or missing one the model's."""
        return self.versions[number].owner if number in self.versions else self.owner

    @cached_property
    def latest(self) -> VersionRecord | None:
        """The sound version with the highest number that is not passed over."""
        return self.candidates[-1] if self.candidates else None

    @cached_property
    def best(self) -> VersionRecord | None:
        """The version with the highest test accuracy on the data of the latest version; of equals the newest.

        Accuracies on other data say nothing about which version is better.
        """
        if self.latest is None:
            return None
        fingerprint = self.latest.dataset_fingerprint
        return max((found for found in self.candidates if found.dataset_fingerprint == fingerprint), key=accuracy_rank)

    @cached_property
    def candidates(self) -> tuple[VersionRecord, ...]:
        """The sound versions that may answer by default, by number."""
        return tuple(version for _, version in sorted(self.versions.items()) if version.standing.passed_over is None)

    def version(self, number: int) -> Manifest:
        """The manifest of one version. Raises `VersionNotFound`, `ArtifactCorrupt`."""
        if number in self.damaged:
            raise ArtifactCorrupt(self.name, number, self.damaged[number])
        if number not in self.versions:
            raise VersionNotFound(self.name, number)
        return self.versions[number].manifest

    def alias(self, alias: str) -> int:
        """The version an alias points at. Raises `AliasNotFound`, `VersionPassedOver`."""
        if alias in COMPUTED:
            return self._computed(alias)
        if alias not in self.aliases:
            raise AliasNotFound(self.name, alias)
        return self.aliases[alias]

    def split(self, alias: str) -> Split:
        """The sound versions that take part in the requests of an alias; a damaged one leaves them to the others."""
        asked = self.splits.get(alias, NO_SPLIT)
        return Split(self._if_sound(asked.canary), self._if_sound(asked.shadow))

    def _if_sound(self, part: WeightedVersion | None) -> WeightedVersion | None:
        return part if part is not None and part.version in self.versions else None

    def resolve(self, reference: Reference) -> Manifest:
        """The version meant. Raises `AliasNotFound`, `VersionNotFound`, `VersionPassedOver`, `ArtifactCorrupt`."""
        if reference.version is not None:
            return self.version(reference.version)
        if reference.alias is not None:
            return self.version(self.alias(reference.alias))
        return self.version(self._computed(LATEST))

    def _computed(self, alias: str) -> int:
        found = self.best if alias == BEST else self.latest
        if found is not None:
            return found.version
        if self.versions:
            raise self.refusal()
        return self.version(max(self.damaged)).version  # raises: it is damaged

    def refusal(self) -> VersionPassedOver:
        """The error for a model whose sound versions are all passed over, of which there is at least one."""
        newest = max(self.versions)
        return VersionPassedOver(self.name, newest, str(self.versions[newest].standing.passed_over))

    def without(self, damaged: Mapping[int, str]) -> "ModelEntry":
        """This entry with more versions known to be damaged."""
        sound = {number: version for number, version in self.versions.items() if number not in damaged}
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
        """The version meant.

        Raises:
            ModelNotFound, VersionNotFound, AliasNotFound, NothingPublished: there is none.
            VersionPassedOver: there are only versions that do not answer by default.
            ArtifactCorrupt: it is damaged.
        """
        if reference.model is not None:
            return self.model(reference.model).resolve(reference)
        latest = [entry.latest for entry in self.models.values() if entry.latest]
        if not latest:
            refused = [entry for entry in self.models.values() if entry.versions]
            raise refused[0].refusal() if refused else NothingPublished
        return max(latest, key=lambda version: version.published_at).manifest

    def is_split(self, reference: Reference) -> bool:
        """Whether several versions take part in the requests of what is meant, which is an alias then."""
        entry = None if reference.model is None else self.models.get(reference.model)
        if entry is None or reference.alias is None or reference.alias not in entry.splits:
            return False
        return entry.split(reference.alias) != NO_SPLIT

    def find(self, named: VersionReference) -> Manifest | None:
        """The version that a job names, or None if there is none. Raises like `resolve` for a damaged one."""
        try:
            return self.resolve(Reference.to(named))
        except (ModelNotFound, VersionNotFound, AliasNotFound):
            return None

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
