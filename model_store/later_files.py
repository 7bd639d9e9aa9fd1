"""Files that are added to a version after it was published: what it would have recorded itself, had it been newer.

They lie beside the version's own files and go with it. The manifest does not list them, so each begins with the SHA-256
of the rest. A later file replaces an earlier one of the same name.

Large ones are stored as they are, to be sent like published files: size and SHA-256 are in a small later file.
"""

from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path

from model_store import layout
from model_store.artifacts import stream_checked
from model_store.errors import ArtifactCorrupt
from model_store.manifest import FileEntry
from model_store.names import check_file, check_model
from model_store.objects import Objects

PREFIX = "later-"
_DIGEST_BYTES = 65  # 64 hexadecimal digits and a line feed


class LaterFiles:
    """Later files of all versions in one store."""

    def __init__(self, objects: Objects, require_free_space: Callable[[int], None]) -> None:
        self._objects = objects
        self._require_free_space = require_free_space

    def put(self, model: str, version: int, file: str, data: bytes) -> None:
        """Add a file to a published version.

        Raises:
            InvalidName: of the model or the file.
            StoreFull: the file would not leave enough free space.
            StoreUnavailable: the storage refuses.
        """
        path = self._path(model, version, file)
        self._require_free_space(len(data))
        self._objects.put(path, sha256(data).hexdigest().encode() + b"\n" + data)

    def find(self, model: str, version: int, file: str) -> bytes | None:
        """A file that was added; None if none was.

        Raises:
            ArtifactCorrupt: it is not what was added.
            StoreUnavailable: the storage does not answer.
        """
        try:
            stored = self._objects.read(self._path(model, version, file))
        except FileNotFoundError:
            return None
        digest, data = stored[: _DIGEST_BYTES - 1], stored[_DIGEST_BYTES:]
        if sha256(data).hexdigest().encode() != digest:
            raise ArtifactCorrupt(model, version, file, "its SHA-256 differs from the one at its beginning")
        return data

    def put_large(self, model: str, version: int, file: str, content: Path) -> None:
        """Add a large file to a published version, without what it is checked by. Raises like `put`."""
        path = self._path(model, version, file)
        self._require_free_space(content.stat().st_size)
        self._objects.put(path, content)

    def stream_large(self, model: str, version: int, file: str, entry: FileEntry) -> Iterator[bytes]:
        """A large file that was added, in chunks, checked like `ModelStore.stream` does.

        Args:
            model: its name.
            version: its number.
            file: name of the file.
            entry: size and SHA-256 that were recorded.

        Raises:
            ArtifactCorrupt: the file is not the recorded one.
            StoreUnavailable: the storage does not answer.
        """
        corrupt = partial(ArtifactCorrupt, model, version, file)
        return stream_checked(self._objects, self._path(model, version, file), entry, corrupt)

    @staticmethod
    def _path(model: str, version: int, file: str) -> str:
        check_model(model)
        check_file(PREFIX + file)
        return layout.file_path(model, version, PREFIX + file)
