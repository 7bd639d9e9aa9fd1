"""A store as a whole, for backups: all its objects in an order in which they may be copied one by one.

An object that makes others visible (a manifest, an alias, a key) comes after those others, so a copy in this order that
is interrupted has no version that lacks files. This module copies nothing itself.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from model_store import changes, dataset_paths, keys, layout
from model_store.errors import InvalidName
from model_store.local_disk import STAGING
from model_store.names import MANIFEST_FILE
from model_store.objects import Objects, StoredObject

RESTORING = "restoring.json"
"""Is in a store while a backup is written into it, and stays if that is interrupted."""
_LONGEST_PATH = 1000


class WholeStore:
    """All objects of one store. Every method raises `StoreUnavailable` when the storage does not answer."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    @property
    def objects(self) -> Objects:
        """Where the objects are."""
        return self._objects

    def list(self) -> list[StoredObject]:
        """Every object but those that only probe, stage or note changes, commit points last."""
        found = [stored for stored in self._objects.list("") if not _is_passing(stored.path)]
        return sorted(found, key=lambda stored: (_rank(stored.path), stored.path))

    def size_bytes(self) -> int:
        """Of all objects together, as they are now. One listing."""
        return sum(stored.size_bytes for stored in self.list())

    def is_incomplete(self) -> bool:
        """Whether a restore has begun and not ended."""
        try:
            self._objects.read(RESTORING)
        except FileNotFoundError:
            return False
        return True

    def begin_restore(self) -> None:
        """Mark that not all objects are there yet."""
        self._objects.put(RESTORING, b"{}\n")

    def end_restore(self) -> None:
        """Take the mark away."""
        self._objects.delete([RESTORING])

    def clear(self) -> None:
        """Remove everything, commit points first."""
        self._objects.delete(stored.path for stored in self._objects.list(changes.ROOT))
        self._objects.delete(stored.path for stored in reversed(self.list()))


def check_path(path: str) -> str:
    """The path, if an object of a store may have it.

    Raises:
        InvalidName: it could lead out of the store.
    """
    parts = PurePosixPath(path).parts
    is_plain = path == "/".join(parts) and not {"..", ".", "/"} & {*parts} and path.isprintable()
    if not parts or not is_plain or "\\" in path or len(path) > _LONGEST_PATH:
        raise InvalidName(path, "path of an object", "names separated by `/`")
    return path


def counts(paths: Iterable[str]) -> Counter[str]:
    """How many `versions`, `datasets` and `keys` these objects make."""
    found: Counter[str] = Counter()
    names = set()
    for path in paths:
        match path.split("/"):
            case ["models", _, "versions", _, file] if file == MANIFEST_FILE:
                found["versions"] += 1
            case ["datasets", _, file] if file == MANIFEST_FILE:
                found["datasets"] += 1
            case ["keys", name, _]:
                names.add(name)
    found["keys"] = len(names)
    return found


def _is_passing(path: str) -> bool:
    return path in (layout.PROBE, RESTORING) or path.startswith((f"{STAGING}/", changes.ROOT))


def _rank(path: str) -> int:
    """Files come first, then manifests and versions of datasets, then aliases and keys."""
    if path.startswith(keys.ROOT) or (path.startswith(layout.MODELS) and "/aliases/" in path):
        return 2
    return int(PurePosixPath(path).name == MANIFEST_FILE or dataset_paths.version_at(path) is not None)
