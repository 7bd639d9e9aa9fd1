"""Publishes a version: reserve a number, upload the files, commit by writing the manifest.

Until the manifest exists, readers see nothing. Leaving a draft without a commit removes its files; the files of a
killed publisher are swept later. A sweep and a commit at the same time are decided by one put-if-absent on the
manifest's path, so that a version is never committed after its files were swept. This module does not know what the
files mean.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from model_store import layout
from model_store.changes import Changes
from model_store.errors import DraftRefused, StoreUnavailable
from model_store.manifest import ABANDONED, FileEntry, Manifest, VersionFacts
from model_store.names import MANIFEST_FILE, check_file
from model_store.objects import CHUNK_BYTES, Objects

logger = logging.getLogger(__name__)


class Draft:
    """A version that is being written: files first, then one `commit`.

    Created by `ModelStore.draft`; for use by one thread.
    """

    def __init__(
        self, objects: Objects, model: str, number: int, require_free_space: Callable[[int], None] = lambda _: None
    ) -> None:
        self.model = model
        self.number = number
        self._objects = objects
        self._require_free_space = require_free_space
        self._files: dict[str, FileEntry] = {}
        self._paths: list[str] = []
        self._is_open = True
        self._is_committed = False
        self._manifest_may_exist = False

    def add(self, name: str, content: Path | bytes) -> None:
        """Upload one file.

        Raises:
            InvalidName: the name does not match the file pattern, or is `manifest.json`.
            DraftRefused: the draft already has this file, or was committed or closed.
            StoreFull: the file would not leave enough free space.
            StoreUnavailable: the storage refuses.
        """
        self._require_open()
        check_file(name)
        if name in self._files:
            raise DraftRefused(self.model, self.number, f"expected a new file, got {name!r} again")
        entry = entry_of(content)
        self._require_free_space(entry.size_bytes)
        path = layout.file_path(self.model, self.number, name)
        self._paths.append(path)
        self._objects.put(path, content)
        self._files[name] = entry

    def commit(self, facts: VersionFacts) -> Manifest:
        """Publish the version atomically.

        Raises:
            DraftRefused: there are no files, or the draft was committed, closed, or swept as abandoned.
            StoreUnavailable: the storage refuses; once the draft is closed, the version does not exist.
        """
        self._require_open()
        if not self._files:
            raise DraftRefused(self.model, self.number, "expected at least one file, got none")
        manifest = Manifest.of(
            facts, model=self.model, version=self.number, published_at=datetime.now(UTC), files=self._files
        )
        self._is_open = False
        self._manifest_may_exist = True
        if not self._objects.create(layout.manifest_path(self.model, self.number), manifest.to_bytes()):
            raise DraftRefused(self.model, self.number, "it took so long that a sweep removed it as abandoned")
        self._is_committed = True
        Changes(self._objects).note(self.model, version=self.number)
        return manifest

    def close(self) -> None:
        """Remove everything uploaded, unless the draft was committed. Called at the end of `ModelStore.draft`."""
        self._is_open = False
        if self._is_committed:
            return
        try:
            self._discard()
        except StoreUnavailable:
            # The caller needs the error that ended the draft, not this one; a sweep removes the files later.
            logger.warning(
                "files of draft %s of model %s stay until a sweep removes them",
                self.number,
                self.model,
                exc_info=True,
            )

    def _discard(self) -> None:
        if self._manifest_may_exist:
            # A commit whose response was lost may still arrive. Writing to its path first makes it fail.
            self._objects.put(layout.manifest_path(self.model, self.number), ABANDONED)
        self._objects.delete(self._paths)

    def _require_open(self) -> None:
        if not self._is_open:
            raise DraftRefused(self.model, self.number, "expected an open draft, got one already committed or closed")


def reserve_number(objects: Objects, model: str) -> int:
    """Reserve the next version number of a model. No other draft ever gets it, not even after a deletion."""
    found = layout.inventories(objects.list(layout.model_prefix(model))).get(model, layout.Inventory())
    # The token makes concurrent writers differ, so that only one of them finds its own bytes there.
    mark = json.dumps({"reserved_at": datetime.now(UTC).isoformat(), "token": uuid4().hex}).encode()
    number = found.next_number
    while not objects.create(layout.number_path(model, number), mark):
        number += 1
    return number


def sweep_drafts(objects: Objects, older_than_s: float) -> int:
    """Remove the files of drafts to which nothing was written for this long, and return how many were removed."""
    limit = datetime.now(UTC) - timedelta(seconds=older_than_s)
    removed = 0
    for model, inventory in layout.inventories(objects.list(layout.MODELS)).items():
        for number in inventory.uncommitted:
            files = inventory.versions[number]
            leftovers = [stored for name, stored in files.items() if name != MANIFEST_FILE]
            is_stale = all(stored.modified_at <= limit for stored in leftovers)
            if leftovers and is_stale and give_up_draft(objects, model, number):
                objects.delete(stored.path for stored in leftovers)
                removed += len(leftovers)
    return removed


def give_up_draft(objects: Objects, model: str, number: int) -> bool:
    """Prevent a late commit of a draft (idempotent); False when the commit came first."""
    return objects.create(layout.manifest_path(model, number), ABANDONED)


def entry_of(content: Path | bytes) -> FileEntry:
    """Size and SHA-256 of content to be published."""
    digest = hashlib.sha256()
    size_bytes = 0
    for chunk in _chunks_of(content):
        digest.update(chunk)
        size_bytes += len(chunk)
    return FileEntry(sha256=digest.hexdigest(), size_bytes=size_bytes)


def _chunks_of(content: Path | bytes) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
