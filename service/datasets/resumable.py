"""Uploads that can be resumed, on disk: what has come so far, how much is still to come, and whose it is.

An upload is a directory with the bytes and a record, so that it outlives the connection, the process and the machine's
restart. Any API process on the same disk may continue it. One that nothing was sent to for a day is removed.
"""

import fcntl
import os
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model_store.manifest import LOCAL_OWNER
from service.errors import TooManyUploads
from service.web.upload_errors import UploadBusy, UploadNotFound

KEPT_S = 24 * 3600.0
"""An upload expires when nothing has been sent to it for so long."""
MOST_UPLOADS = 64
"""Incomplete uploads of all callers together; each may reserve gigabytes."""
MOST_OF_ONE_KEY = 16
"""Of these, the owner of one key may have so many, or a single one could keep everybody from uploading for a day."""
_ARCHIVE, _RECORD, _LOCK = "archive", "upload.json", "lock"
_ID_BYTES = 16


class UploadRecord(BaseModel, defer_build=True):
    """What was said when an upload began."""

    model_config = ConfigDict(frozen=True)

    owner: str
    length: int = Field(description="Bytes of the whole archive.")
    options: Mapping[str, str] = Field(description="As for `POST /datasets`.")
    add_to: str | None = Field(default=None, description="The dataset that the pictures are added to.")


@dataclass(frozen=True)
class ResumableUpload:
    """One upload.

    Attributes:
        id: a secret that only its client knows.
        folder: with its files.
        record: what was said when it began.
    """

    id: str
    folder: Path
    record: UploadRecord

    @property
    def archive(self) -> Path:
        """The bytes that have come."""
        return self.folder / _ARCHIVE

    @property
    def offset(self) -> int:
        """How many have come. Raises `UploadNotFound`."""
        return self._archive_status().st_size

    @property
    def left_bytes(self) -> int:
        """How many are still to come; none if the upload was removed meanwhile."""
        try:
            return max(0, self.record.length - self.offset)
        except UploadNotFound:
            return 0

    @property
    def expires_at(self) -> datetime:
        """When it is removed, unless more bytes come. Raises `UploadNotFound`."""
        return datetime.fromtimestamp(self._archive_status().st_mtime + KEPT_S, UTC)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other requests from writing. Raises `UploadBusy`, or `UploadNotFound` if it was just removed."""
        try:
            lock = (self.folder / _LOCK).open("wb")
        except FileNotFoundError:
            raise UploadNotFound(self.id) from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UploadBusy(self.id) from error
            self._archive_status()
            yield

    def lend(self, target: Path) -> None:
        """Put the archive at another path on the same disk, too; where there are no links, it is only there."""
        try:
            target.hardlink_to(self.archive)
        except OSError:
            self.archive.rename(target)

    def take_back(self, target: Path) -> None:
        """Have the archive again that was lent to a path."""
        if not self.archive.exists():
            target.rename(self.archive)

    def _archive_status(self) -> os.stat_result:
        """Another request may have completed or removed the upload at any moment. Raises `UploadNotFound`."""
        try:
            return self.archive.stat()
        except FileNotFoundError:
            raise UploadNotFound(self.id) from None

    def remove(self) -> None:
        """Delete what has come."""
        shutil.rmtree(self.folder, ignore_errors=True)


class ResumableUploads:
    """All uploads that are not complete.

    Args:
        folder: where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, record: UploadRecord) -> ResumableUpload:
        """Begin an upload, after removing those that have expired.

        Raises:
            TooManyUploads: there are too many.
            OSError: the disk is full.
        """
        owners = Counter(found.record.owner for found in self.all())
        if owners.total() >= MOST_UPLOADS:
            raise TooManyUploads(MOST_UPLOADS)
        if record.owner != LOCAL_OWNER and owners[record.owner] >= MOST_OF_ONE_KEY:
            raise TooManyUploads(MOST_OF_ONE_KEY)
        folder = self._folder / secrets.token_hex(_ID_BYTES)
        folder.mkdir(parents=True, mode=0o700)
        (folder / _ARCHIVE).touch()
        (folder / _RECORD).write_text(record.model_dump_json())
        return ResumableUpload(folder.name, folder, record)

    def find(self, upload: str, owner: str | None) -> ResumableUpload:
        """One upload.

        Args:
            upload: its id.
            owner: who may continue it; None for everybody.

        Raises:
            UploadNotFound: there is none, it has expired, or it is somebody else's.
        """
        is_id = len(upload) == 2 * _ID_BYTES and upload.isascii() and upload.isalnum()
        found = self._read(self._folder / upload) if is_id else None
        if found is None or (owner is not None and found.record.owner != owner):
            raise UploadNotFound(upload)
        return found

    def all(self) -> Iterator[ResumableUpload]:
        """Those that have not expired; the others are removed."""
        for folder in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
            found = self._read(folder)
            if found is not None:
                yield found

    def reserved_bytes(self, owner: str | None = None) -> int:
        """Bytes that are still to come, of all uploads or of one owner's."""
        return sum(found.left_bytes for found in self.all() if owner in {None, found.record.owner})

    def _read(self, folder: Path) -> ResumableUpload | None:
        try:
            age_s = time.time() - (folder / _ARCHIVE).stat().st_mtime
            record = UploadRecord.model_validate_json((folder / _RECORD).read_bytes())
        except (OSError, ValidationError):
            return None  # just being made or removed
        if age_s > KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)
            return None
        return ResumableUpload(folder.name, folder, record)
