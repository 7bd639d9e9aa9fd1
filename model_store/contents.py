"""What a reader of the whole store asks for: surveys, and single facts about versions and aliases.

Unlike the calls of `ModelStore`, none of these lists more than its answer needs.
"""

from collections.abc import Iterator
from pathlib import Path

from model_store import aliases, layout, survey
from model_store.aliases import AliasChange
from model_store.changes import EARLIER_SNAPSHOT, SNAPSHOT
from model_store.manifest import ABANDONED, Manifest, parse_manifest
from model_store.objects import Objects
from model_store.survey import SeenModel, Survey


class Contents:
    """The models of one store. Every call blocks; any thread may call."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    @property
    def is_remote(self) -> bool:
        """Whether every call is a request to a storage service."""
        return self._objects.is_remote

    def survey(self, before: Survey | None) -> Survey:
        """Look at the whole store. `before` is the survey before this one, if there was one."""
        return survey.survey(self._objects, before)

    def model_names(self) -> tuple[list[str], int]:
        """Names of all models, and the requests that this took."""
        return survey.model_names(self._objects)

    def look_at_model(self, model: str, n_versions: int) -> tuple[SeenModel, int]:
        """One model of about so many versions; some of the numbers may be drafts. Also the requests it took."""
        return survey.look_at_model(self._objects, model, n_versions)

    def model(self, model: str) -> SeenModel:
        """Look at one model. One listing."""
        return survey.survey_model(self._objects, model)

    def manifest(self, model: str, version: int) -> Manifest | None:
        """The manifest of a version; None if there is no such version. One read.

        Raises:
            ArtifactCorrupt: the manifest does not parse, or belongs to another version.
        """
        return find_manifest(self._objects, model, version)

    def newest_change(self, model: str, alias: str) -> int | None:
        """Number of the newest change of an alias; None if there is none. One listing."""
        return survey.newest_change(self._objects, model, alias)

    def alias_change(self, model: str, alias: str, sequence: int) -> AliasChange | None:
        """One change of an alias; None if it cannot be read. One read."""
        return aliases.read_change(self._objects, model, alias, sequence)

    def snapshot(self) -> Iterator[bytes]:
        """What a reader stored for those that start, in chunks. Raises `FileNotFoundError`."""
        return self._objects.open(SNAPSHOT).chunks

    def earlier_snapshot(self) -> Iterator[bytes]:
        """The same, in the format of earlier versions of this program. Raises `FileNotFoundError`."""
        return self._objects.open(EARLIER_SNAPSHOT).chunks

    def put_snapshot(self, file: Path) -> None:
        """Store it, in place of an earlier one."""
        self._objects.put(SNAPSHOT, file)


def find_manifest(objects: Objects, model: str, version: int) -> Manifest | None:
    """The manifest of a version; None if there is none, or if its draft was given up. Raises `ArtifactCorrupt`."""
    try:
        data = objects.read(layout.manifest_path(model, version))
    except FileNotFoundError:
        return None
    return None if data == ABANDONED else parse_manifest(data, model, version)
