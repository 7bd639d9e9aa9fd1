"""The model store: versioned models that are published once, read with their checksums verified, and named by aliases.

A version exists exactly when its manifest does. All calls block; any number of threads and processes may share a
store. It knows neither neural networks nor HTTP: a version is facts and files.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from model_store import aliases, layout
from model_store.aliases import NO_SPLIT, AliasChange, Split
from model_store.artifacts import read_artifact, stream_artifact
from model_store.contents import find_manifest
from model_store.drafts import Draft, give_up_draft, reserve_number, sweep_drafts
from model_store.errors import (
    AliasNotFound,
    ArtifactCorrupt,
    ModelNotFound,
    StoreError,
    StoreUnavailable,
    VersionInUse,
    VersionNotFound,
)
from model_store.manifest import Manifest
from model_store.names import MANIFEST_FILE, NUMBER_PATTERN, check_alias, check_model, is_name
from model_store.parts import StoreParts


class ModelStore(StoreParts):
    """Models, their versions and their aliases, over any storage that can put an object if it is absent."""

    @contextmanager
    def draft(self, model: str) -> Iterator[Draft]:
        """Write a new version: `add` files, then `commit`. Leaving without a commit removes the files.

        Raises:
            InvalidName: the model's name does not match the model pattern.
            StoreFull: there is too little free space.
            StoreUnavailable: no number could be reserved.
        """
        check_model(model)
        self.require_free_space()
        draft = Draft(self._objects, model, reserve_number(self._objects, model), self.require_free_space)
        try:
            yield draft
        finally:
            draft.close()

    def models(self) -> list[str]:
        """Names of the models with at least one committed version, ascending. Lists the whole store once."""
        found = layout.inventories(self._objects.list(layout.MODELS))
        return sorted(model for model, inventory in found.items() if inventory.committed)

    def versions(self, model: str) -> list[int]:
        """Committed versions, ascending, including those with a damaged manifest. One listing.

        Raises:
            ModelNotFound: there is none.
        """
        return self._inventory(model).committed

    def manifest(self, model: str, version: int) -> Manifest:
        """The manifest of a version.

        Raises:
            ModelNotFound: the model has no version at all.
            VersionNotFound: the model has other versions, but not this one.
            ArtifactCorrupt: the manifest does not parse, or belongs to another version.
        """
        check_model(model)
        if not is_name(str(version), NUMBER_PATTERN):
            raise self._no_such_version(model, version)
        found = find_manifest(self._objects, model, version)
        if found is None:
            raise self._no_such_version(model, version)
        return found

    def read(self, model: str, version: int, file: str) -> bytes:
        """A whole file, verified against its size and SHA-256.

        Raises:
            FileNotInVersion: the manifest does not list it.
            ArtifactCorrupt: the file is missing, or its bytes are not the published ones.
        """
        with self._unless_deleted(model, version):
            return read_artifact(self._objects, self.manifest(model, version), file)

    def stream(self, model: str, version: int, file: str) -> Iterator[bytes]:
        """A file in chunks, for downloads; never held in memory as a whole.

        Existence and size are checked before this returns. The last chunk is held back until the SHA-256 of the whole
        file matches, so that a complete download is a correct one.

        Raises:
            FileNotInVersion: the manifest does not list it.
            ArtifactCorrupt: the file is missing or truncated; or, during reading, its bytes prove to be different.
        """
        with self._unless_deleted(model, version):
            return stream_artifact(self._objects, self.manifest(model, version), file)

    def aliases(self, model: str) -> dict[str, int]:
        """The version each alias points at. One listing, and one read per alias.

        An alias whose version was deleted while the alias was being set is left out.

        Raises:
            ModelNotFound: the model has no version.
        """
        found = self._alias_changes(model, self._inventory(model))
        return {alias: change.version for alias, change in found.items() if change.version is not None}

    def set_alias(self, model: str, alias: str, version: int, split: Split = NO_SPLIT) -> AliasChange:
        """Point a new or existing alias at a version; a rollback is the same call.

        Args:
            model: its name.
            alias: its name.
            version: answers from now on.
            split: other versions that take part from now on; without it there are none.

        Raises:
            VersionNotFound: the model has no such version.
        """
        check_alias(alias)
        inventory = self._inventory(model)
        for needed in (version, *(other for _, other in split.roles())):
            if needed not in inventory.committed:
                raise VersionNotFound(model, needed)
        return aliases.append_change(self._objects, model, alias, version, inventory.alias_changes[alias], split)

    def delete_alias(self, model: str, alias: str) -> None:
        """Remove an alias; its history stays and gets an entry without a version.

        Raises:
            AliasNotFound: the model has no such alias.
        """
        check_alias(alias)
        inventory = self._inventory(model)
        if alias not in self._alias_changes(model, inventory):
            raise AliasNotFound(model, alias)
        aliases.append_change(self._objects, model, alias, None, inventory.alias_changes[alias])

    def alias_history(self, model: str, alias: str) -> list[AliasChange]:
        """Every change of an alias, oldest first; deleted aliases keep theirs.

        Raises:
            AliasNotFound: the alias never existed.
        """
        check_alias(alias)
        known = self._inventory(model).alias_changes.get(alias)
        if not known:
            raise AliasNotFound(model, alias)
        return aliases.read_history(self._objects, model, alias, known)

    def delete_version(self, model: str, version: int) -> int:
        """Remove a version and return the bytes freed. Its number is never used again.

        Raises:
            VersionNotFound: the model has no such version.
            VersionInUse: an alias points at it, or has it as canary or shadow.
        """
        inventory = self._inventory(model)
        if version not in inventory.committed:
            raise VersionNotFound(model, version)
        users = sorted(_users_of(version, self._alias_changes(model, inventory)))
        if users:
            raise VersionInUse(model, version, users)
        freed_bytes = self._remove_versions(model, inventory, [version])
        self.changes.note(model, version=version)
        return freed_bytes

    def delete_model(self, model: str) -> int:
        """Remove all versions and aliases of a model and return the bytes freed by the versions.

        Numbers stay reserved, so that a model published again under this name continues the numbering. A draft in
        progress is not touched.
        """
        inventory = self._inventory(model)
        freed_bytes = self._remove_versions(model, inventory, inventory.committed)
        self._objects.delete(
            layout.alias_change_path(model, alias, sequence)
            for alias, known in inventory.alias_changes.items()
            for sequence in known
        )
        self.changes.note(model)
        return freed_bytes

    def sweep(self, older_than_s: float) -> int:
        """Remove files of drafts that were never committed, and return how many were removed.

        Args:
            older_than_s: Only drafts to which nothing was written for this long. Choose it longer than any upload
                takes: a draft that was swept can no longer be committed.
        """
        return sweep_drafts(self._objects, older_than_s) + self._objects.discard_unfinished(older_than_s)

    def settle(self, model: str, version: int) -> Manifest | None:
        """Decide a draft whose publisher was lost: its manifest if it was committed, else None and no later commit.

        Raises:
            ArtifactCorrupt: the draft was committed, and its manifest is damaged.
        """
        check_model(model)
        return None if give_up_draft(self._objects, model, version) else self.manifest(model, version)

    def check(self) -> None:
        """Write and read one small object.

        Raises:
            StoreUnavailable: writing or reading failed.
        """
        self._objects.put(layout.PROBE, datetime.now(UTC).isoformat().encode())
        try:
            self._objects.read(layout.PROBE)
        except FileNotFoundError as error:
            raise StoreUnavailable(self._objects.url, "an object just written could not be read") from error

    def _inventory(self, model: str) -> layout.Inventory:
        check_model(model)
        inventory = layout.inventories(self._objects.list(layout.model_prefix(model))).get(model)
        if inventory is None or not inventory.committed:
            raise ModelNotFound(model)
        return inventory

    def _alias_changes(self, model: str, inventory: layout.Inventory) -> dict[str, AliasChange]:
        """The change in force of every alias that points at a version."""
        committed = set(inventory.committed)
        found = {
            alias: aliases.read_change(self._objects, model, alias, max(known))
            for alias, known in sorted(inventory.alias_changes.items())
        }
        return {alias: change for alias, change in found.items() if change is not None and change.version in committed}

    def _no_such_version(self, model: str, version: int) -> StoreError:
        """The error for a number without a manifest: `ModelNotFound` when the whole model is unknown."""
        try:
            self._inventory(model)
        except ModelNotFound as error:
            return error
        return VersionNotFound(model, version)

    @contextmanager
    def _unless_deleted(self, model: str, version: int) -> Iterator[None]:
        """Distinguish damage from a deletion between reading the manifest and reading the file."""
        try:
            yield
        except ArtifactCorrupt:
            self.manifest(model, version)
            raise

    def _remove_versions(self, model: str, inventory: layout.Inventory, versions: list[int]) -> int:
        """Remove manifests first: readers see complete versions or none, and `sweep` cleans up after a crash."""
        self._objects.delete(layout.manifest_path(model, version) for version in versions)
        stored = [file for version in versions for file in inventory.versions[version].items()]
        self._objects.delete(file.path for name, file in stored if name != MANIFEST_FILE)
        return sum(file.size_bytes for _, file in stored)


def _users_of(version: int, changes: Mapping[str, AliasChange]) -> Iterator[str]:
    """What keeps a version from being deleted: aliases that point at it, and those with it as canary or shadow."""
    for alias, change in changes.items():
        if change.version == version:
            yield alias
        yield from (f"{alias} ({role})" for role, other in change.split.roles() if other == version)
