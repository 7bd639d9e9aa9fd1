"""Checkpoints in the store: what a training needs to resume after an interruption, written atomically.

    checkpoints/<job>/<epoch>-<step>-<fence>/<file>           the files of the checkpoint
    checkpoints/<job>/<epoch>-<step>-<fence>/manifest.json    written last, with every file's SHA-256

The fence separates the files of two trainers of one job, in case a trainer that was presumed dead is still alive. This
module does not know what the files mean.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from model_store.drafts import entry_of
from model_store.idle_jobs import idle_jobs
from model_store.manifest import FileEntry, FileName
from model_store.names import MANIFEST_FILE, check_file, check_job
from model_store.objects import Objects, StoredObject

ROOT = "checkpoints/"
KEPT = 2
"""Checkpoints kept per job: the newest, and the one before it in case the newest is damaged."""


@dataclass(frozen=True, order=True)
class Position:
    """How far a training has come.

    Attributes:
        epoch: number of complete epochs.
        step: number of batches done in the epoch after them.
        fence: fence of the claim under which the training runs.
    """

    epoch: int
    step: int
    fence: int

    @classmethod
    def parse(cls, name: str) -> "Position | None":
        """The position that a directory name stands for; None for any other name."""
        parts = name.split("-")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) <= 12 for part in parts):
            return None
        return cls(*map(int, parts))

    def __str__(self) -> str:
        return f"{self.epoch}-{self.step}-{self.fence}"


class _Manifest(BaseModel, defer_build=True):
    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    job: str
    files: dict[FileName, FileEntry]


class CheckpointStore:
    """The store's checkpoints. Every call blocks; any thread or process may call."""

    def __init__(self, objects: Objects, require_free_space: Callable[[int], None]) -> None:
        self._objects = objects
        self._require_free_space = require_free_space

    def save(self, job: str, position: Position, files: Mapping[str, Path]) -> None:
        """Write a checkpoint, then remove all but the newest `KEPT` of this job.

        Raises:
            StoreFull: the checkpoint would not leave enough free space.
            StoreUnavailable: the storage refuses. The files already written are removed.
        """
        check_job(job)
        self._require_free_space(sum(path.stat().st_size for path in files.values()))
        written: list[str] = []
        try:
            for name, path in files.items():
                check_file(name)
                written.append(_path(job, position, name))
                self._objects.put(written[-1], path)
            manifest = _Manifest(job=job, files={name: entry_of(path) for name, path in files.items()})
            self._objects.put(_path(job, position, MANIFEST_FILE), manifest.model_dump_json(indent=1).encode())
        except BaseException:
            self._objects.delete(written)
            raise
        for older in sorted(self._found(job))[:-KEPT]:
            self._remove(job, older)

    def newest(self, job: str) -> tuple[Position, dict[str, bytes]] | None:
        """The files of the newest complete and undamaged checkpoint; None when there is none.

        Raises:
            StoreUnavailable: the storage cannot be read.
        """
        check_job(job)
        for position in sorted(self._found(job), reverse=True):
            files = self._read(job, position)
            if files is not None:
                return position, files
        return None

    def delete(self, job: str) -> None:
        """Remove every checkpoint of a job."""
        check_job(job)
        self._objects.delete(stored.path for stored in self._objects.list(f"{ROOT}{job}/"))

    def idle_jobs(self, older_than_s: float) -> list[str]:
        """Jobs that have checkpoints but have written none for this long, ascending."""
        return idle_jobs(self._objects.list(ROOT), older_than_s)

    def _found(self, job: str) -> dict[Position, list[StoredObject]]:
        """A job's checkpoints by position, complete or not."""
        found: defaultdict[Position, list[StoredObject]] = defaultdict(list)
        for stored in self._objects.list(f"{ROOT}{job}/"):
            position = Position.parse(stored.path.split("/")[2])
            if position is not None:
                found[position].append(stored)
        return found

    def _remove(self, job: str, position: Position) -> None:
        # The manifest first: without it the rest no longer counts as a checkpoint, even after a crash in between.
        self._objects.delete([_path(job, position, MANIFEST_FILE)])
        self._objects.delete(stored.path for stored in self._objects.list(f"{ROOT}{job}/{position}/"))

    def _read(self, job: str, position: Position) -> dict[str, bytes] | None:
        try:
            manifest = _Manifest.model_validate_json(self._objects.read(_path(job, position, MANIFEST_FILE)))
            files = {name: self._objects.read(_path(job, position, name)) for name in manifest.files}
        except (FileNotFoundError, ValidationError):
            return None
        is_sound = manifest.job == job and all(
            sha256(data).hexdigest() == manifest.files[name].sha256 for name, data in files.items()
        )
        return files if is_sound else None


def _path(job: str, position: Position, file: str) -> str:
    return f"{ROOT}{job}/{position}/{file}"
