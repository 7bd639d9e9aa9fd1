"""The files of one version, each of them read once."""

from model_store import FileNotInVersion, Manifest, ModelStore


class VersionFiles:
    """Reads files of a version, and remembers them.

    Args:
        store: has the version.
        manifest: of the version.
    """

    def __init__(self, store: ModelStore, manifest: Manifest) -> None:
        self.manifest = manifest
        self._store = store
        self._read: dict[str, bytes | None] = {}

    def read(self, file: str) -> bytes | None:
        """The bytes of a file; None if the version has no such file. Blocks.

        Raises:
            ArtifactCorrupt: the file is damaged.
            StoreUnavailable: the store does not answer.
        """
        if file not in self._read:
            try:
                self._read[file] = self._store.read(self.manifest.model, self.manifest.version, file)
            except FileNotInVersion:
                self._read[file] = None
        return self._read[file]
