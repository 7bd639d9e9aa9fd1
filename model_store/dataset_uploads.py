"""Uploads on their way to a dataset, in the store: their files, and the status of their conversion."""

from collections import defaultdict

from model_store.dataset_errors import DatasetDamaged, UploadWithdrawn
from model_store.dataset_paths import STATUS_FILE, file_path, uploads_folder
from model_store.dataset_records import ConversionStatus
from model_store.objects import Objects, StoredObject


class DatasetUploads:
    """Uploads that become the first version of a dataset (`version` is 1), or later ones."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def files(self, name: str, version: int) -> dict[str, dict[str, StoredObject]]:
        """The files of each upload, published or not."""
        found: defaultdict[str, dict[str, StoredObject]] = defaultdict(dict)
        for stored in self._objects.list(uploads_folder(name, version)):
            match stored.path.split("/"):
                case [_, _, _, upload, file]:
                    found[upload][file] = stored
        return dict(found)

    def newest_status(self, name: str, version: int) -> ConversionStatus | None:
        """The status of the newest upload that is not published. Raises `DatasetDamaged`."""
        uploads = [upload for upload, files in self.files(name, version).items() if STATUS_FILE in files]
        if not uploads:
            return None
        try:
            data = self._objects.read(file_path(name, version, max(uploads), STATUS_FILE))
            return ConversionStatus.model_validate_json(data)
        except FileNotFoundError:
            return None  # published or deleted after it was listed
        except ValueError as error:
            raise DatasetDamaged(name, STATUS_FILE, "it does not parse") from error

    def put_status(self, name: str, status: ConversionStatus) -> None:
        """Write or replace the status of an upload."""
        path = file_path(name, status.version, status.upload, STATUS_FILE)
        self._objects.put(path, status.model_dump_json().encode())

    def drop_status(self, name: str, version: int, upload: str) -> None:
        """Remove the status of an upload, which is published or taken back."""
        self._objects.delete([file_path(name, version, upload, STATUS_FILE)])

    def require_announced(self, name: str, version: int, upload: str) -> None:
        """Raise `UploadWithdrawn` unless the upload has a status."""
        try:
            self._objects.read(file_path(name, version, upload, STATUS_FILE))
        except FileNotFoundError as error:
            raise UploadWithdrawn(name) from error
