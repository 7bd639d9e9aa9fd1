"""One model as far as it has been read: its manifests, what is damaged, and where its aliases point."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from model_store import Manifest
from service.models.index import COMPUTED, ModelEntry
from service.models.standing import Standing, standing_of


@dataclass(slots=True)
class KnownModel:
    """One model.

    Attributes:
        versions: manifest of every sound version.
        standings: of the same versions.
        damaged: file at fault of every other version.
        aliases: number of the newest change of each alias, and the version that it set; None if it removed the alias.
    """

    versions: dict[int, Manifest] = field(default_factory=dict)
    standings: dict[int, Standing] = field(default_factory=dict)
    damaged: dict[int, str] = field(default_factory=dict)
    aliases: dict[str, tuple[int, int | None]] = field(default_factory=dict)

    def copy(self) -> "KnownModel":
        """The same, to be changed."""
        return KnownModel(dict(self.versions), dict(self.standings), dict(self.damaged), dict(self.aliases))

    def add(self, version: int, found: Manifest | str | None) -> None:
        """Take in what was read of a version: its manifest, the file at fault, or None if it does not exist."""
        self.remove(version)
        if isinstance(found, Manifest):
            self.versions[version], self.standings[version] = found, standing_of(found)
        elif found is not None:
            self.damaged[version] = found

    def remove(self, version: int) -> None:
        """Forget a version."""
        for known in (self.versions, self.standings, self.damaged):
            known.pop(version, None)

    def entry(self, name: str) -> ModelEntry | None:
        """The model for the index, with its versions in ascending order; None if there is no version."""
        if not self.versions and not self.damaged:
            return None
        versions = dict(sorted(self.versions.items()))
        return ModelEntry(name, versions, dict(self.damaged), self._targets(), dict(self.standings))

    def _targets(self) -> Mapping[str, int]:
        """Where aliases point. One whose version was deleted while it was being set is left out."""
        existing = self.versions.keys() | self.damaged.keys()
        targets = ((alias, target) for alias, (_, target) in sorted(self.aliases.items()) if alias not in COMPUTED)
        return {alias: target for alias, target in targets if target is not None and target in existing}
