"""Reads what a version recorded about itself, at publication or later."""

from model_store.manifest import Manifest
from model_store.store import ModelStore


def read_recorded(store: ModelStore, manifest: Manifest, file: str) -> bytes | None:
    """A file that the version was published with or that was added later; None if there is neither.

    Raises:
        ArtifactCorrupt: its bytes are not the published ones, or not those that were added.
        StoreUnavailable: the storage does not answer.
    """
    at = (manifest.model, manifest.version, file)
    return store.read(*at) if file in manifest.files else store.later_files.find(*at)
