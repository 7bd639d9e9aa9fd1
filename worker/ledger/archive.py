"""Finished jobs in the model store, found through the index of this machine.

The segments are the truth. Redis counts their changes: when its number is not the one that the index has seen, the
segments that have changed are read again. So a job that another machine has moved or forgotten is known at once.
"""

import logging
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, cast

import redis
from redis.exceptions import LockError

from model_store import StoreUnavailable
from model_store.job_segments import JobSegments, StoredSegment
from worker.job_store import keys
from worker.job_store.connection import server_errors
from worker.job_store.filters import NEWEST, Found, JobFilter
from worker.jobs.errors import QueueUnavailable
from worker.jobs.records import JobRecord
from worker.jobs.states import JobState
from worker.ledger.entries import Entry, packed, unpacked
from worker.ledger.index import LedgerIndex

logger = logging.getLogger(__name__)

CHANGES = "changes"
WRITER_S, WRITER_PATIENCE_S = 60.0, 1.5

T = TypeVar("T")


class Archive:
    """Finished jobs that were moved out of Redis. Every method raises `QueueUnavailable` when it cannot be read.

    Args:
        segments: of the model store.
        path: of the index's file on this machine.
        client: of the Redis server that counts changes and lets one process write at a time.
    """

    def __init__(self, segments: JobSegments, path: Path, client: redis.Redis) -> None:
        self._segments = segments
        self._redis = client
        self._index = LedgerIndex(path)
        self._syncing = threading.Lock()
        self._is_synced = False
        self._counted: tuple[int, dict[JobState, int]] | None = None

    def find(self, wanted: JobFilter, below: float = NEWEST, limit: int = 50) -> tuple[list[Found], int]:
        """The newest jobs that match, and how many match in all."""
        return self._look(lambda index: index.find(wanted, below, limit))

    def records(self, ids: Sequence[str]) -> dict[str, JobRecord]:
        """The records of these jobs; those that are not here are left out."""
        return self._look(lambda index: index.records(ids))

    def sequence_of(self, job: str) -> int | None:
        """A job's number among all submissions; None when it is not here."""
        place = self._look(lambda index: index.place_of(job))
        return place[0] if place else None

    def log(self, job: str) -> list[str]:
        """A job's log, oldest line first; nothing when the job is not here."""
        place = self._look(lambda index: index.place_of(job))
        entries = self._read(place[1]) if place else []
        return next((list(entry.log) for entry in entries if entry.id == job), [])

    def counts(self) -> dict[JobState, int]:
        """How many jobs are in each state, kept until a segment changes: 20,000 kinds take 3 ms to count."""
        changes = self._changes()
        if self._counted is None or self._counted[0] != changes:
            self._counted = changes, self._look(lambda index: index.counts())
        return self._counted[1]

    def last_sequence(self) -> int:
        """The highest number of a job; 0 when there is none."""
        return self._look(lambda index: index.last_sequence())

    def add(self, entries: Sequence[Entry]) -> None:
        """Write a segment of finished jobs. The caller is the writer, see `writing`."""
        name = f"{entries[0].sequence}-{entries[-1].sequence}-{entries[0].id}"
        with self._errors():
            data = packed(entries)
            self._segments.write(name, data)
            self._index.put(name, len(data), entries)
        self._changed()

    def forget(self, jobs: Sequence[str]) -> list[str]:
        """Remove jobs from their segments for good, and return those that were here."""
        places = self._look(lambda index: {job: index.place_of(job) for job in jobs})
        by_segment: defaultdict[str, set[str]] = defaultdict(set)
        for job, place in places.items():
            if place:
                by_segment[place[1]].add(job)
        if not by_segment:
            return []
        with self.writing():
            for segment, members in by_segment.items():
                self._rewrite(segment, members)
            self._changed()
        return [job for members in by_segment.values() for job in members]

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only writer of segments on all machines.

        Raises:
            QueueUnavailable: another process writes at this moment, or the server does not answer.
        """
        lock = self._redis.lock(keys.ARCHIVE_WRITER, timeout=WRITER_S, blocking_timeout=WRITER_PATIENCE_S)
        try:
            with server_errors(), lock:
                yield
        except LockError as error:
            raise QueueUnavailable(f"another process writes to the ledger: {error}") from error

    def sync(self) -> None:
        """Index the segments that have changed."""
        with self._syncing, self._errors():
            self._sync()

    def _sync(self) -> None:
        changes = self._changes()
        if self._is_synced and changes == self._index.fact(CHANGES):
            return  # another thread was faster
        known, stored = self._index.sizes(), {segment.name: segment for segment in self._segments.list()}
        for name in known.keys() - stored.keys():
            self._index.drop(name)
        for name, segment in stored.items():
            if known.get(name) != segment.size_bytes:
                self._put_again(segment)
        self._index.keep_fact(CHANGES, changes)
        self._is_synced = True  # the first time whatever the number says: the server may have been emptied

    def _put_again(self, segment: StoredSegment) -> None:
        try:
            self._index.put(segment.name, segment.size_bytes, unpacked(self._segments.read(segment.name)))
        except FileNotFoundError:
            self._index.drop(segment.name)
        except sqlite3.IntegrityError:
            logger.exception("segment %s holds a job that another segment holds, too; it is left out", segment.name)

    def _rewrite(self, segment: str, forgotten: set[str]) -> None:
        with self._errors():
            left = [entry for entry in self._read(segment) if entry.id not in forgotten]
            if left:
                data = packed(left)  # shorter than before by a compressed job, so that its size tells the change
                self._segments.write(segment, data)
                self._index.put(segment, len(data), left)
            else:
                self._segments.delete(segment)
                self._index.drop(segment)

    def _read(self, segment: str) -> list[Entry]:
        with self._errors():
            try:
                return unpacked(self._segments.read(segment))
            except FileNotFoundError:
                return []

    def _look(self, ask: Callable[[LedgerIndex], T]) -> T:
        with self._errors():
            if not self._is_synced or self._changes() != self._index.fact(CHANGES):
                self.sync()
            return ask(self._index)

    def _changes(self) -> int:
        with server_errors():
            return int(cast(str | None, self._redis.get(keys.ARCHIVE_CHANGES)) or 0)

    def _changed(self) -> None:
        """Tell other machines; this one's index has the change already if it has all changes before it."""
        with server_errors(), self._errors():
            changes = self._redis.incr(keys.ARCHIVE_CHANGES)
            if self._index.fact(CHANGES) == changes - 1:
                self._index.keep_fact(CHANGES, changes)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (StoreUnavailable, sqlite3.Error, OSError) as error:
            raise QueueUnavailable(f"the ledger of finished jobs cannot be read: {error}") from error
