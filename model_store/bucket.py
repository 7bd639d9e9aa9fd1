"""Objects in S3, Google Cloud Storage, Azure or memory: the only module that uses obstore.

Put-if-absent is the storage service's conditional write. When a writer dies during an upload in parts, the service
keeps those parts and no listing shows them: this class cannot remove them, a lifecycle rule on the bucket can.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotModifiedError
from obstore.store import MemoryStore, ObjectStore, from_url

from model_store.errors import StoreUnavailable
from model_store.objects import CHUNK_BYTES, OpenedObject, StoredObject

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig  # types only: obstore does not have them at run time

SCHEMES = ("s3", "gs", "az")

# Plain HTTP is used only for an endpoint that the operator writes with http://; all defaults are https.
# `timeout` limits one request as a whole, and the largest preset's file (550 MB) is read in one request.
CLIENT: "ClientConfig" = {"allow_http": True, "connect_timeout": "5s", "read_timeout": "30s", "timeout": "10m"}
RETRIES: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}


class Bucket:
    """Objects below one prefix of one bucket, or in memory."""

    def __init__(self, store: ObjectStore, url: str) -> None:
        self._store = store
        self._url = url

    @classmethod
    def in_memory(cls) -> Self:
        """A new, empty store that lives only as long as the process."""
        return cls(MemoryStore(), "memory://")

    @classmethod
    def at(cls, url: str) -> Self:
        """Open `s3://bucket/prefix`, `gs://bucket/prefix` or `az://account/container/prefix`.

        Credentials, region and endpoint come from the storage service's usual environment variables, read by obstore.
        """
        shown = _without_secrets(url)
        with _reported(shown):
            return cls(from_url(url, client_options=CLIENT, retry_config=RETRIES), shown)

    @property
    def url(self) -> str:
        """Where the objects are, without credentials."""
        return self._url

    def put(self, path: str, data: bytes | Path) -> None:
        """Write an object, replacing any existing one; large files are uploaded in parts."""
        with _reported(self._url):
            obstore.put(self._store, path, data)

    def create(self, path: str, data: bytes) -> bool:
        """Write an object if there is none. True also when the existing object has exactly these bytes."""
        try:
            with _reported(self._url, AlreadyExistsError):
                obstore.put(self._store, path, data, mode="create")
        except AlreadyExistsError:
            return self._holds(path, data)
        return True

    def read(self, path: str) -> bytes:
        """All bytes of an object."""
        with _reported(self._url, FileNotFoundError):
            return bytes(obstore.get(self._store, path).bytes())

    def open(self, path: str) -> OpenedObject:
        """An object to be read in chunks."""
        with _reported(self._url, FileNotFoundError):
            found = obstore.get(self._store, path)
        return OpenedObject(found.meta["size"], self._chunks(found))

    def list(self, prefix: str, limit: int | None = None) -> list[StoredObject]:
        """Every object below a prefix, in pages of a thousand, until there are more than `limit`."""
        stored: list[StoredObject] = []
        with _reported(self._url):
            for page in obstore.list(self._store, prefix, chunk_size=1000):
                stored += (StoredObject(found["path"], found["size"], found["last_modified"]) for found in page)
                if limit is not None and len(stored) > limit:
                    break
        return stored

    def names(self, prefix: str) -> Sequence[str]:
        """Names directly below a prefix, in pages of a thousand."""
        with _reported(self._url):
            found = obstore.list_with_delimiter(self._store, prefix)
        paths = [*found["common_prefixes"], *(stored["path"] for stored in found["objects"])]
        return [path.rstrip("/").rpartition("/")[2] for path in paths]

    def tag(self, path: str, known: str | None = None) -> str:
        """The service's entity tag, by one request with `If-None-Match`."""
        try:
            with _reported(self._url, FileNotFoundError, NotModifiedError):
                options: obstore.GetOptions = {"if_none_match": known} if known else {}
                found = obstore.get(self._store, path, options=options)
                found.bytes()  # the connection can be used again
                return str(found.meta["e_tag"])
        except FileNotFoundError:
            return ""
        except NotModifiedError:
            return str(known)

    @property
    def is_remote(self) -> bool:
        """True, except for a store in memory."""
        return not self._url.startswith("memory:")

    def delete(self, paths: Iterable[str]) -> None:
        """Remove objects; missing ones are not an error."""
        wanted = list(paths)
        try:
            with _reported(self._url, FileNotFoundError):
                obstore.delete(self._store, wanted)
        except FileNotFoundError:
            # Some services stop at the first missing object, so each of them is deleted on its own.
            for path in wanted:
                self._delete_if_present(path)

    def discard_unfinished(self, older_than_s: float) -> int:
        """Does nothing: the storage service removes unfinished uploads."""
        return 0

    def free_bytes(self) -> int | None:
        """None: a bucket does not tell."""
        return None

    def _holds(self, path: str, data: bytes) -> bool:
        try:
            return self.read(path) == data
        except FileNotFoundError:
            return False

    def _chunks(self, found: "obstore.GetResult") -> Iterator[bytes]:
        with _reported(self._url):
            for received in found.stream(min_chunk_size=CHUNK_BYTES):
                for start in range(0, len(received), CHUNK_BYTES):
                    yield bytes(received[start : start + CHUNK_BYTES])

    def _delete_if_present(self, path: str) -> None:
        try:
            with _reported(self._url, FileNotFoundError):
                obstore.delete(self._store, path)
        except FileNotFoundError:
            return


@contextmanager
def _reported(url: str, *expected: type[Exception]) -> Iterator[None]:
    """Turn obstore's exceptions into `StoreUnavailable`, except for the `expected` ones, which the caller handles.

    Only the first line of obstore's message is kept: the rest is its internal state.
    """
    try:
        yield
    except expected:
        raise
    except (BaseError, OSError, NotImplementedError, ValueError) as error:
        lines = str(error).splitlines()
        raise StoreUnavailable(url, lines[0] if lines else type(error).__name__) from error


def _without_secrets(url: str) -> str:
    """The URL without user, password and query, which may hold credentials."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
