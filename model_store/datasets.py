"""Datasets in the store: uploaded, converted elsewhere, published atomically, never changed.

    datasets/<name>/manifest.json                  put only if absent: with it, the dataset exists
    datasets/<name>/uploads/<upload>/status.json   status of the conversion; removed once the dataset is published
    datasets/<name>/uploads/<upload>/<file>        arrays and picture of one upload

Every upload has its own directory, so that two uploads of one name never mix; the manifest names the upload whose
files count. This module does not know what the files mean.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from model_store.dataset_errors import DatasetDamaged, DatasetMissing, DatasetTaken, UploadWithdrawn
from model_store.dataset_records import ConversionStatus, DatasetFacts, DatasetManifest, parse_dataset_manifest
from model_store.drafts import entry_of
from model_store.manifest import LOCAL_OWNER
from model_store.names import MANIFEST_FILE, MODEL_PATTERN, check_dataset, check_file, is_name
from model_store.objects import Objects, StoredObject

ROOT = "datasets/"
STATUS_FILE = "status.json"


class DatasetStore:
    """The store's datasets. Every call blocks; any thread or process may call."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def names(self) -> list[str]:
        """Every name that is published or has an upload, ascending. One listing."""
        found = (stored.path.split("/") for stored in self._objects.list(ROOT))
        return sorted({parts[1] for parts in found if is_name(parts[1], MODEL_PATTERN)})

    def manifest(self, name: str) -> DatasetManifest:
        """The manifest published under this name.

        Raises:
            DatasetMissing: there is none.
            DatasetDamaged: the manifest does not parse.
        """
        check_dataset(name)
        try:
            data = self._objects.read(_manifest_path(name))
        except FileNotFoundError as error:
            raise DatasetMissing(name) from error
        return parse_dataset_manifest(data, name)

    def is_published(self, name: str) -> bool:
        """Whether there is a manifest, readable or not."""
        try:
            self.manifest(name)
        except DatasetMissing:
            return False
        except DatasetDamaged:
            return True
        return True

    def status(self, name: str) -> ConversionStatus | None:
        """The status of the newest upload of this name; None when there is none.

        Raises:
            DatasetDamaged: the record does not parse.
        """
        check_dataset(name)
        uploads = [upload for upload, files in self._uploads(name).items() if STATUS_FILE in files]
        return self._read_status(name, max(uploads)) if uploads else None

    def find(self, name: str) -> DatasetManifest | ConversionStatus | None:
        """What is stored under this name: a published dataset, the status of its newest upload, or nothing.

        A dataset that is published between the first two reads has lost its status, so the manifest is read again.

        Raises:
            DatasetDamaged: the record does not parse.
        """
        return self._published(name) or self.status(name) or self._published(name)

    def begin(self, name: str, status: ConversionStatus) -> None:
        """Announce an upload, after removing what failed uploads of this name left behind.

        The files are listed before the name is checked: those of an upload that is published later are not among them.

        Raises:
            DatasetTaken: the name is published, or another upload of this name is being converted.
        """
        leftovers = [file.path for files in self._uploads(name).values() for file in files.values()]
        self.refuse_taken(name)
        self._objects.delete(leftovers)
        self._objects.put(_file_path(name, status.upload, STATUS_FILE), status.model_dump_json().encode())

    def refuse_taken(self, name: str) -> None:
        """Raise `DatasetTaken` if `begin` would."""
        try:
            current = self.status(name)
        except DatasetDamaged:
            current = None  # a running conversion replaces its record every few seconds, so this one belongs to none
        if self.is_published(name):  # asked after the status, which is removed once the dataset is published
            raise DatasetTaken(name)
        if current is not None and current.as_seen(datetime.now(UTC)).state == "converting":
            raise DatasetTaken(name, "another upload of this name is being converted")

    def report(self, name: str, status: ConversionStatus) -> None:
        """Replace the status of an upload.

        Raises:
            UploadWithdrawn: the upload was deleted meanwhile.
        """
        path = _file_path(name, status.upload, STATUS_FILE)
        self._require_announced(name, status.upload)
        self._objects.put(path, status.model_dump_json().encode())

    def publish(
        self, name: str, upload: str, facts: DatasetFacts, files: Mapping[str, Path], owner: str = LOCAL_OWNER
    ) -> DatasetManifest:
        """Store the files of an upload, then publish the dataset atomically.

        On any failure the files are removed again.

        Raises:
            DatasetTaken: another upload of this name was published first.
            UploadWithdrawn: the upload was deleted meanwhile.
        """
        check_dataset(name)
        try:
            for file, path in files.items():
                check_file(file)
                self._objects.put(_file_path(name, upload, file), path)
            entries = {file: entry_of(path) for file, path in files.items()}
            own = {"name": name, "upload": upload, "owner": owner, "published_at": datetime.now(UTC), "files": entries}
            manifest = DatasetManifest.model_validate({**facts.model_dump(), **own})
            self._require_announced(name, upload)
            if not self._objects.create(_manifest_path(name), manifest.to_bytes()):
                raise DatasetTaken(name)
        except BaseException:
            self._objects.delete(_file_path(name, upload, file) for file in files)
            raise
        self._objects.delete([_file_path(name, upload, STATUS_FILE)])
        return manifest

    def stream(self, manifest: DatasetManifest, file: str) -> Iterator[bytes]:
        """A file in chunks; the last chunk is held back until the SHA-256 of the whole file matches.

        Raises:
            DatasetDamaged: the file is missing, truncated or changed.
        """
        entry = manifest.files.get(file)
        if entry is None:
            raise DatasetDamaged(manifest.name, file, "the manifest does not list it")
        digest, held = hashlib.sha256(), b""
        try:
            for chunk in self._objects.open(_file_path(manifest.name, manifest.upload, file)).chunks:
                digest.update(chunk)
                if held:
                    yield held
                held = chunk
        except FileNotFoundError as error:
            raise DatasetDamaged(manifest.name, file, "it is missing") from error
        if digest.hexdigest() != entry.sha256:
            raise DatasetDamaged(manifest.name, file, "its SHA-256 differs from the manifest's")
        yield held

    def delete(self, name: str) -> int:
        """Remove a dataset with all its uploads, finished or not, and return the bytes freed.

        The manifest is removed first, so that readers see a complete dataset or none. A running conversion notices
        that its status is gone and ends.

        Raises:
            DatasetMissing: nothing is stored under this name.
        """
        check_dataset(name)
        found = self._objects.list(f"{ROOT}{name}/")
        if not found:
            raise DatasetMissing(name)
        manifest = _manifest_path(name)
        records = {stored.path for stored in found if stored.path.endswith(STATUS_FILE)} - {manifest}
        self._objects.delete([manifest])
        self._objects.delete(records)
        self._objects.delete(stored.path for stored in found if stored.path not in records | {manifest})
        return sum(stored.size_bytes for stored in found)

    def sweep(self, older_than_s: float) -> int:
        """Remove the files of dead conversions, except their status, and return how many were removed.

        Args:
            older_than_s: only uploads to which nothing was written for this long.
        """
        limit = datetime.now(UTC) - timedelta(seconds=older_than_s)
        stale = [path for name in self.names() for path in self._leftovers(name, limit)]
        self._objects.delete(stale)
        return len(stale)

    def _leftovers(self, name: str, limit: datetime) -> Iterator[str]:
        try:
            published = self.manifest(name).upload
        except DatasetMissing:
            published = ""
        except DatasetDamaged:
            return
        for upload, files in self._uploads(name).items():
            if upload != published and all(file.modified_at <= limit for file in files.values()):
                yield from (file.path for key, file in files.items() if key != STATUS_FILE or published)

    def _uploads(self, name: str) -> dict[str, dict[str, StoredObject]]:
        found: defaultdict[str, dict[str, StoredObject]] = defaultdict(dict)
        for stored in self._objects.list(f"{ROOT}{name}/uploads/"):
            match stored.path.split("/"):
                case [_, _, _, upload, file]:
                    found[upload][file] = stored
        return dict(found)

    def _published(self, name: str) -> DatasetManifest | None:
        try:
            return self.manifest(name)
        except DatasetMissing:
            return None

    def _read_status(self, name: str, upload: str) -> ConversionStatus | None:
        try:
            return ConversionStatus.model_validate_json(self._objects.read(_file_path(name, upload, STATUS_FILE)))
        except FileNotFoundError:
            return None  # published or deleted after it was listed
        except ValueError as error:
            raise DatasetDamaged(name, STATUS_FILE, "it does not parse") from error

    def _require_announced(self, name: str, upload: str) -> None:
        try:
            self._objects.read(_file_path(name, upload, STATUS_FILE))
        except FileNotFoundError as error:
            raise UploadWithdrawn(name) from error


def _manifest_path(name: str) -> str:
    return f"{ROOT}{name}/{MANIFEST_FILE}"


def _file_path(name: str, upload: str, file: str) -> str:
    return f"{ROOT}{name}/uploads/{upload}/{file}"
