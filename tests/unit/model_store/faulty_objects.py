"""Storage that fails at the worst moment: real objects with one operation that goes wrong."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from model_store.errors import StoreUnavailable
from model_store.objects import Objects, OpenedObject, StoredObject


class ForwardingObjects:
    """Passes every verb on; the classes below change one of them."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    @property
    def url(self) -> str:
        return self._objects.url

    def put(self, path: str, data: bytes | Path) -> None:
        self._objects.put(path, data)

    def create(self, path: str, data: bytes) -> bool:
        return self._objects.create(path, data)

    def read(self, path: str) -> bytes:
        return self._objects.read(path)

    def open(self, path: str) -> OpenedObject:
        return self._objects.open(path)

    def list(self, prefix: str, limit: int | None = None) -> list[StoredObject]:
        return self._objects.list(prefix, limit)

    def names(self, prefix: str) -> Sequence[str]:
        return self._objects.names(prefix)

    def tag(self, path: str, known: str | None = None) -> str:
        return self._objects.tag(path, known)

    @property
    def is_remote(self) -> bool:
        return self._objects.is_remote

    def delete(self, paths: Iterable[str]) -> None:
        self._objects.delete(paths)

    def discard_unfinished(self, older_than_s: float) -> int:
        return self._objects.discard_unfinished(older_than_s)

    def free_bytes(self) -> int | None:
        return self._objects.free_bytes()


class LosesTheAnswerToCommits(ForwardingObjects):
    """The manifest is written, but the network breaks before the publisher hears of it."""

    def create(self, path: str, data: bytes) -> bool:
        answer = super().create(path, data)
        if path.endswith("/manifest.json"):
            raise StoreUnavailable(self.url, "connection reset")
        return answer


class RefusesFile(ForwardingObjects):
    """One file cannot be written, as on a disk that is full."""

    def __init__(self, objects: Objects, file: str, kind: type[StoreUnavailable] = StoreUnavailable) -> None:
        super().__init__(objects)
        self._file = file
        self._kind = kind

    def put(self, path: str, data: bytes | Path) -> None:
        if path.endswith(self._file):
            raise self._kind(self.url, "No space left on device")
        super().put(path, data)


class HasFreeBytes(ForwardingObjects):
    """So many bytes are free, however much is written."""

    def __init__(self, objects: Objects, free_bytes: int) -> None:
        super().__init__(objects)
        self._free_bytes = free_bytes

    def free_bytes(self) -> int:
        return self._free_bytes


class RefusesDeletes(ForwardingObjects):
    """Nothing can be removed."""

    def delete(self, paths: Iterable[str]) -> None:
        raise StoreUnavailable(self.url, "connection reset")


class ActsBeforeReading(ForwardingObjects):
    """Something else happens in the store just before one file is read."""

    def __init__(self, objects: Objects, file: str, action: Callable[[], object]) -> None:
        super().__init__(objects)
        self._file = file
        self._action = action

    def read(self, path: str) -> bytes:
        if path.endswith(self._file):
            self._action()
        return super().read(path)


class ActsBeforeListing(ForwardingObjects):
    """Something else happens in the store just before its objects are listed for the nth time."""

    def __init__(self, objects: Objects, nth: int, action: Callable[[], object]) -> None:
        super().__init__(objects)
        self._left = nth
        self._action = action

    def list(self, prefix: str, limit: int | None = None) -> list[StoredObject]:
        self._left -= 1
        if self._left == 0:
            self._action()
        return super().list(prefix, limit)
