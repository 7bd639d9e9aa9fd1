"""Opens a store from the one setting that says where it is."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from model_store.bucket import SCHEMES, Bucket
from model_store.errors import StoreUnavailable
from model_store.local_disk import LocalDisk
from model_store.objects import Objects
from model_store.store import ModelStore


def open_store(url: str, min_free_bytes: int = 0) -> ModelStore:
    """Open a store; a local directory is created when it is missing.

    Args:
        url: A directory, `file:///directory`, `s3://bucket/prefix`, `gs://bucket/prefix`,
            `az://account/container/prefix`, or `memory://` for an empty store that lives as long as the object.
        min_free_bytes: Space that stays free, where the storage tells how much is free.

    Raises:
        StoreUnavailable: the URL is not understood, or a local directory cannot be created. Remote storage is first
            contacted by the first call; use `ModelStore.check` to test it.
    """
    return ModelStore(open_objects(url), min_free_bytes)


def open_objects(url: str) -> Objects:
    """The storage behind `open_store`."""
    scheme, separator, _ = url.partition("://")
    if url and not separator:
        return LocalDisk(Path(url).expanduser())
    if scheme == "file":
        return LocalDisk(_path_of(url))
    if scheme == "memory":
        return Bucket.in_memory()
    if scheme in SCHEMES:
        return Bucket.at(url)
    raise StoreUnavailable(url, f"expected a directory, file://, s3://, gs:// or az://, got {scheme or 'nothing'!r}")


def _path_of(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise StoreUnavailable(url, "expected file:/// and an absolute path, got a host or no path")
    return Path(unquote(parts.path))
