"""Finished jobs in the store, many to an object.

    jobs/<name>.jsonl.gz    a segment: some hundred jobs, written at once; replaced without the jobs that are forgotten

This module does not know what is in a segment.
"""

import re
from dataclasses import dataclass

from model_store.objects import Objects

ROOT = "jobs/"
SUFFIX = ".jsonl.gz"
_NAME = re.compile(r"[0-9a-z-]{1,80}")


@dataclass(frozen=True)
class StoredSegment:
    """A segment in a listing."""

    name: str
    size_bytes: int


class JobSegments:
    """All segments of one store. Every method raises `StoreUnavailable` when the storage does not answer."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def list(self) -> list[StoredSegment]:
        """Every segment, in no particular order."""
        found = []
        for stored in self._objects.list(ROOT):
            name = stored.path.removeprefix(ROOT).removesuffix(SUFFIX)
            if stored.path.endswith(SUFFIX) and _NAME.fullmatch(name):
                found.append(StoredSegment(name, stored.size_bytes))
        return found

    def read(self, name: str) -> bytes:
        """A whole segment. Raises `FileNotFoundError`."""
        return self._objects.read(_path(name))

    def write(self, name: str, data: bytes) -> None:
        """Write a segment, replacing the one of this name."""
        self._objects.put(_path(name), data)

    def delete(self, name: str) -> None:
        """Remove a segment; a missing one is not an error."""
        self._objects.delete([_path(name)])


def _path(name: str) -> str:
    return f"{ROOT}{name}{SUFFIX}"
