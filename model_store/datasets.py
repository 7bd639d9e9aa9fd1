"""Datasets in the store: uploaded, converted elsewhere, published atomically, never changed.

    datasets/<name>/manifest.json                  put only if absent: with it, the dataset exists
    datasets/<name>/uploads/<upload>/status.json   status of the conversion; removed once the dataset is published
    datasets/<name>/uploads/<upload>/<file>        arrays and picture of one upload

Every upload has its own directory, so that two uploads of one name never mix; the manifest names the upload whose
files count. This module does not know what the files mean.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from model_store.dataset_errors import DatasetDamaged, DatasetMissing, DatasetTaken
from model_store.dataset_paths import (
    ROOT,
    STATUS_FILE,
    dataset_folder,
    file_path,
    manifest_path,
    numbers_folder,
    version_at,
    versions_folder,
)
from model_store.dataset_records import ConversionStatus, DatasetFacts, DatasetManifest, parse_dataset_manifest
from model_store.dataset_uploads import DatasetUploads
from model_store.drafts import entry_of
from model_store.manifest import LOCAL_OWNER, total_bytes
from model_store.names import MODEL_PATTERN, check_dataset, check_file, is_name
from model_store.objects import Objects, StoredObject


class DatasetStore:
    """The store's datasets. Every call blocks; any thread or process may call."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._uploads = DatasetUploads(objects)

    def names(self) -> list[str]:
        """Every name that is published or has an upload, ascending. One listing."""
        found = (stored.path.split("/") for stored in self._objects.list(ROOT))
        return sorted({parts[1] for parts in found if is_name(parts[1], MODEL_PATTERN)})

    def manifest(self, name: str, version: int | None = None) -> DatasetManifest:
        """The manifest of a version; of the newest one by default.

        Raises:
            DatasetMissing: there is none.
            DatasetDamaged: the manifest does not parse.
        """
        check_dataset(name)
        wanted = self._newest(name) if version is None else version
        try:
            data = self._objects.read(manifest_path(name, wanted))
        except FileNotFoundError as error:
            raise DatasetMissing(name) from error
        return parse_dataset_manifest(data, name)

    def versions(self, name: str) -> list[DatasetManifest]:
        """The manifests of all versions that can be read, in ascending order. One listing."""
        check_dataset(name)
        manifests = []
        for number in self._numbers(name):
            with suppress(DatasetMissing, DatasetDamaged):
                manifests.append(self.manifest(name, number))
        return manifests

    def next_version(self, name: str) -> int:
        """The number of the version after the newest one; numbers of deleted versions are not given again."""
        marks = self._objects.list(numbers_folder(name))
        return max(self._newest(name), *(int(mark.path.rpartition("/")[2]) for mark in marks), 1) + 1

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
        return self._uploads.newest_status(name, 1)

    def addition(self, name: str) -> ConversionStatus | None:
        """The status of the newest upload that adds pictures to a published dataset; None when there is none.

        Raises:
            DatasetDamaged: the record does not parse.
        """
        check_dataset(name)
        return self._uploads.newest_status(name, 2)

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
        leftovers = [file.path for files in self._unused(name, status.version).values() for file in files.values()]
        if status.version == 1:
            self.refuse_taken(name)
        else:
            self.refuse_busy(name)
        self._objects.delete(leftovers)
        self._uploads.put_status(name, status)

    def refuse_busy(self, name: str) -> None:
        """Raise `DatasetTaken` while pictures are being added to a dataset."""
        if _is_converting(self.addition(name)):
            raise DatasetTaken(name, "pictures are being added to it; wait until that is done")

    def refuse_taken(self, name: str) -> None:
        """Raise `DatasetTaken` if `begin` would."""
        try:
            current = self.status(name)
        except DatasetDamaged:
            current = None  # a running conversion replaces its record every few seconds, so this one belongs to none
        if self.is_published(name):  # asked after the status, which is removed once the dataset is published
            raise DatasetTaken(name)
        if _is_converting(current):
            raise DatasetTaken(name, "another upload of this name is being converted")

    def report(self, name: str, status: ConversionStatus) -> None:
        """Replace the status of an upload.

        Raises:
            UploadWithdrawn: the upload was deleted meanwhile.
        """
        self._uploads.require_announced(name, status.version, status.upload)
        self._uploads.put_status(name, status)

    def withdraw(self, name: str, status: ConversionStatus) -> None:
        """Take an upload back that has just been announced."""
        self._uploads.drop_status(name, status.version, status.upload)

    def publish(
        self,
        name: str,
        upload: str,
        facts: DatasetFacts,
        files: Mapping[str, Path],
        owner: str = LOCAL_OWNER,
        version: int = 1,
    ) -> DatasetManifest:
        """Store the files of an upload, then publish the version atomically.

        On any failure the files are removed again.

        Raises:
            DatasetTaken: another upload became this version first.
            UploadWithdrawn: the upload was deleted meanwhile.
        """
        check_dataset(name)
        try:
            for file, path in files.items():
                check_file(file)
                self._objects.put(file_path(name, version, upload, file), path)
            entries = {file: entry_of(path) for file, path in files.items()}
            own = {"name": name, "version": version, "upload": upload, "owner": owner, "files": entries}
            own["published_at"] = datetime.now(UTC)
            manifest = DatasetManifest.model_validate({**facts.model_dump(), **own})
            self._uploads.require_announced(name, version, upload)
            if version > 1:
                self._objects.create(f"{numbers_folder(name)}{version}", b"")
            if not self._objects.create(manifest_path(name, version), manifest.to_bytes()):
                raise DatasetTaken(name)
        except BaseException:
            self._objects.delete(file_path(name, version, upload, file) for file in files)
            raise
        self._uploads.drop_status(name, version, upload)
        return manifest

    def stream(self, manifest: DatasetManifest, file: str) -> Iterator[bytes]:
        """A file in chunks; the last chunk is held back until the SHA-256 of the whole file matches.

        Raises:
            DatasetDamaged: the file is missing, truncated or changed.
        """
        entry = manifest.files.get(file)
        if entry is None:
            raise DatasetDamaged(manifest.name, file, "the manifest does not list it")
        path = file_path(manifest.name, manifest.version, manifest.upload, file)
        digest, held = hashlib.sha256(), b""
        try:
            for chunk in self._objects.open(path).chunks:
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
        """Remove a dataset with all its versions and uploads, finished or not, and return the bytes freed.

        The manifests are removed first, so that readers see a complete dataset or none. A running conversion notices
        that its status is gone and ends.

        Raises:
            DatasetMissing: nothing is stored under this name.
        """
        check_dataset(name)
        found = self._objects.list(dataset_folder(name))
        if not found:
            raise DatasetMissing(name)
        manifests = {stored.path for stored in found if version_at(stored.path) is not None}
        records = {stored.path for stored in found if stored.path.endswith(STATUS_FILE)} - manifests
        self._objects.delete(manifests)
        self._objects.delete(records)
        self._objects.delete(stored.path for stored in found if stored.path not in records | manifests)
        return sum(stored.size_bytes for stored in found)

    def delete_version(self, name: str, version: int) -> int:
        """Remove one version of several, and return the bytes freed. Raises `DatasetMissing`, `DatasetDamaged`."""
        manifest = self.manifest(name, version)
        self._objects.delete([manifest_path(name, version)])
        self._objects.delete(file_path(name, version, manifest.upload, file) for file in manifest.files)
        return total_bytes(manifest.files)

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
            has_first = self._published(name, 1) is not None
        except DatasetDamaged:
            return
        for version in (1, 2):
            keeps_status = version == 1 and not has_first
            for files in self._unused(name, version).values():
                if all(file.modified_at <= limit for file in files.values()):
                    yield from (file.path for key, file in files.items() if key != STATUS_FILE or not keeps_status)

    def _unused(self, name: str, version: int) -> dict[str, dict[str, StoredObject]]:
        """Files of the uploads that are no version; none while it cannot be told which are.

        Args:
            name: of the dataset.
            version: 1 for uploads that become the first version, 2 for those that become later ones.
        """
        uploads = self._uploads.files(name, version)
        try:
            used = {self.manifest(name, number).upload for number in self._numbers(name)} if uploads else set()
        except (DatasetDamaged, DatasetMissing):
            return {}
        return {upload: files for upload, files in uploads.items() if upload not in used}

    def _numbers(self, name: str) -> list[int]:
        """Numbers of the published versions, ascending."""
        found = (version_at(stored.path) for stored in self._objects.list(dataset_folder(name)))
        return sorted(number for number in found if number is not None)

    def _newest(self, name: str) -> int:
        later = (version_at(found.path) for found in self._objects.list(versions_folder(name)))
        return max(filter(None, later), default=1)

    def _published(self, name: str, version: int | None = None) -> DatasetManifest | None:
        try:
            return self.manifest(name, version)
        except DatasetMissing:
            return None


def _is_converting(status: ConversionStatus | None) -> bool:
    return status is not None and status.as_seen(datetime.now(UTC)).state == "converting"
