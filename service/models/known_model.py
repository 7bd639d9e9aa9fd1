"""One model as far as it has been read: its versions, what is damaged, and where its aliases point."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from model_store import AliasChange, Manifest, Split
from model_store.aliases import NO_SPLIT
from service.models.index import COMPUTED, ModelEntry
from service.models.version_record import VersionRecord


@dataclass(slots=True)
class KnownModel:
    """One model.

    Attributes:
        versions: record of every sound version.
        damaged: file at fault of every other version.
        aliases: number of the newest change of each alias, and the version that it set; None if it removed the alias.
        splits: of the aliases that have one.
    """

    versions: dict[int, VersionRecord] = field(default_factory=dict)
    damaged: dict[int, str] = field(default_factory=dict)
    aliases: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    splits: dict[str, Split] = field(default_factory=dict)

    def copy(self) -> "KnownModel":
        """The same, to be changed."""
        return KnownModel(dict(self.versions), dict(self.damaged), dict(self.aliases), dict(self.splits))

    def add(self, version: int, found: Manifest | str | None) -> None:
        """Take in what was read of a version: its manifest, the file at fault, or None if it does not exist."""
        self.remove(version)
        if isinstance(found, Manifest):
            self.versions[version] = VersionRecord.of(found)
        elif found is not None:
            self.damaged[version] = found

    def remove(self, version: int) -> None:
        """Forget a version."""
        self.versions.pop(version, None)
        self.damaged.pop(version, None)

    def point(self, alias: str, sequence: int, change: AliasChange | None) -> None:
        """Take in the newest change of an alias, and its number. A change that cannot be read removes the alias."""
        self.forget_alias(alias)
        self.aliases[alias] = sequence, change.version if change is not None else None
        if change is not None and change.split != NO_SPLIT:
            self.splits[alias] = change.split

    def forget_alias(self, alias: str) -> None:
        """Forget an alias without any change."""
        self.aliases.pop(alias, None)
        self.splits.pop(alias, None)

    def entry(self, name: str) -> ModelEntry | None:
        """The model for the index, with its versions in ascending order; None if there is no version."""
        if not self.versions and not self.damaged:
            return None
        versions = dict(sorted(self.versions.items()))
        targets = self._targets()
        splits = {alias: split for alias, split in self.splits.items() if alias in targets}
        return ModelEntry(name, versions, dict(self.damaged), targets, splits)

    def _targets(self) -> Mapping[str, int]:
        """Where aliases point. One whose version was deleted while it was being set is left out."""
        existing = self.versions.keys() | self.damaged.keys()
        targets = ((alias, target) for alias, (_, target) in sorted(self.aliases.items()) if alias not in COMPUTED)
        return {alias: target for alias, target in targets if target is not None and target in existing}
