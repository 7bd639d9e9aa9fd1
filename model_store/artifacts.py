"""Reads a published file and verifies it, so that damaged bytes are never returned as good ones.

Size and SHA-256 are compared with the manifest. The caller has already chosen the version and read its manifest.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial

from model_store import layout
from model_store.errors import ArtifactCorrupt, FileNotInVersion
from model_store.manifest import FileEntry, Manifest
from model_store.objects import Objects, OpenedObject


def read_artifact(objects: Objects, manifest: Manifest, file: str) -> bytes:
    """The whole file, verified."""
    entry, corrupt = _entry(manifest, file), _corrupt(manifest, file)
    try:
        data = objects.read(layout.file_path(manifest.model, manifest.version, file))
    except FileNotFoundError as error:
        raise corrupt("it is missing") from error
    _check_size(entry, len(data), corrupt)
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise corrupt("its SHA-256 differs from the manifest's")
    return data


def stream_artifact(objects: Objects, manifest: Manifest, file: str) -> Iterator[bytes]:
    """The file in chunks: existence and size are checked now, the SHA-256 before the last chunk is yielded."""
    place = layout.file_path(manifest.model, manifest.version, file)
    return stream_checked(objects, place, _entry(manifest, file), _corrupt(manifest, file))


def stream_checked(
    objects: Objects, path: str, entry: FileEntry, corrupt: Callable[[str], ArtifactCorrupt]
) -> Iterator[bytes]:
    """An object in chunks, compared with what is known of it like a published file.

    Args:
        objects: the storage.
        path: of the object.
        entry: its size and SHA-256.
        corrupt: makes the error, from what is wrong.
    """
    try:
        opened = objects.open(path)
    except FileNotFoundError as error:
        raise corrupt("it is missing") from error
    _check_size(entry, opened.size_bytes, corrupt)
    return _verified(opened, entry, corrupt)


def _verified(opened: OpenedObject, entry: FileEntry, corrupt: Callable[[str], ArtifactCorrupt]) -> Iterator[bytes]:
    digest = hashlib.sha256()
    held = b""
    try:
        for chunk in opened.chunks:
            digest.update(chunk)
            if held:
                yield held
            held = chunk
    except FileNotFoundError as error:
        raise corrupt("it disappeared while it was being read") from error
    if digest.hexdigest() != entry.sha256:
        raise corrupt("its SHA-256 differs from the recorded one")
    if held:
        yield held


def _entry(manifest: Manifest, file: str) -> FileEntry:
    entry = manifest.files.get(file)
    if entry is None:
        raise FileNotInVersion(manifest.model, manifest.version, file)
    return entry


def _check_size(entry: FileEntry, size_bytes: int, corrupt: Callable[[str], ArtifactCorrupt]) -> None:
    if size_bytes != entry.size_bytes:
        raise corrupt(f"expected {entry.size_bytes} bytes, got {size_bytes}")


def _corrupt(manifest: Manifest, file: str) -> Callable[[str], ArtifactCorrupt]:
    """Makes the error for a file of a version, from what is wrong with it."""
    return partial(ArtifactCorrupt, manifest.model, manifest.version, file)
