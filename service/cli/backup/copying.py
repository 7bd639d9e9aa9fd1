"""Copies a store that is in use, so that the copy fits the jobs: nothing that a job's record names is missing.

Objects are hardly ever replaced, so the store is copied first, in as long as it takes. Then the jobs are read, and then
the store is listed again: what is new is copied, what is gone is left out. So everything that a job's record tells of
has been listed after the record was read, and the time between both is short.
"""

from collections.abc import Callable, Iterator

import redis

from model_store.objects import StoredObject
from model_store.whole import WholeStore
from service.cli.backup.layout import JOBS
from service.cli.backup.writing import ArchiveWriter
from service.cli.errors import CommandFailed
from worker.job_store.dumping import DumpedKey, dump, server_time

MOST_ROUNDS = 20
PIECE_BYTES = 4 * 2**20
"""Records of jobs are written as members of this size: no more is held in memory."""


class StoreCopy:
    """Copies one store into an archive, and again what has changed since.

    Args:
        store: to copy.
        folder: what the names of its members begin with.
        archive: to write to.
    """

    def __init__(self, store: WholeStore, folder: str, archive: ArchiveWriter) -> None:
        self._store = store
        self._folder = folder
        self._archive = archive
        self._copied: dict[str, StoredObject] = {}

    def copy(self) -> bool:
        """Copy what is new; True if nothing was removed or replaced while it was copied."""
        found = self._store.list()
        for path in self._copied.keys() - {stored.path for stored in found}:
            self._forget(path)
        changed = [stored for stored in found if self._copied.get(stored.path) != stored]
        copied = [self._copy(stored) for stored in changed]
        return all(copied)

    def _copy(self, stored: StoredObject) -> bool:
        is_whole = self._archive.add_object(self._folder + stored.path, self._store.objects, stored.path)
        if is_whole:
            self._copied[stored.path] = stored
        else:
            self._copied.pop(stored.path, None)
        return is_whole

    def _forget(self, path: str) -> None:
        del self._copied[path]
        self._archive.drop(self._folder + path)


def copy_all(copies: list[StoreCopy], jobs: Callable[[], float | None]) -> float | None:
    """Copy all stores, then the jobs, then the stores until nothing changes meanwhile; return what `jobs` does."""
    for copy in copies:
        copy.copy()
    jobs_at = jobs()
    for _ in range(MOST_ROUNDS):
        were_still = [copy.copy() for copy in copies]
        if all(were_still):
            return jobs_at
    raise CommandFailed(
        f"the store changed during each of {MOST_ROUNDS} attempts to copy it", "Try again while fewer clients write."
    )


def copy_jobs(client: redis.Redis, archive: ArchiveWriter) -> float:
    """Write the records of all jobs, and return when they were read, in seconds since the epoch.

    Raises:
        QueueUnavailable: the server does not answer.
    """
    read_at = server_time(client)
    for number, piece in enumerate(_pieces(dump(client)), start=1):
        archive.add(f"{JOBS}{number:06d}.jsonl", piece)
    return read_at


def _pieces(entries: Iterator[DumpedKey]) -> Iterator[bytes]:
    lines: list[bytes] = []
    size = 0
    for entry in entries:
        lines.append(entry.model_dump_json().encode() + b"\n")
        size += len(lines[-1])
        if size >= PIECE_BYTES:
            yield b"".join(lines)
            lines, size = [], 0
    if lines:
        yield b"".join(lines)
