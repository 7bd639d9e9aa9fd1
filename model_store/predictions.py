"""Answers of jobs that classify many pictures: parts that are written one after the other, and kept when the job ends.

    predictions/<job>/order.json          what the job needs to know besides its plan
    predictions/<job>/parts/<n>.csv       rows of the n-th part as CSV; the first begins with the columns' names
    predictions/<job>/parts/<n>.jsonl     the same as JSON lines, written last: with it, the part exists

A job that is interrupted goes on behind its last part. This module does not know what the rows mean.
"""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from model_store.idle_jobs import idle_jobs
from model_store.names import check_job
from model_store.objects import Objects

ROOT = "predictions/"
ORDER_FILE = "order.json"
RowFormat = Literal["csv", "jsonl"]
_LAST_WRITTEN: RowFormat = "jsonl"


class Part(NamedTuple):
    """One part of the answers, in one format."""

    path: str
    size_bytes: int


class PredictionStore:
    """The store's answers of many pictures. Every call blocks; any thread or process may call."""

    def __init__(self, objects: Objects, require_free_space: Callable[[int], None]) -> None:
        self._objects = objects
        self._require_free_space = require_free_space

    def put_order(self, job: str, order: bytes) -> None:
        """Keep what a job needs to know. Raises `StoreFull`, `StoreUnavailable`."""
        self._require_free_space(len(order))
        self._objects.put(f"{_folder(job)}{ORDER_FILE}", order)

    def order(self, job: str) -> bytes:
        """What a job needs to know. Raises `FileNotFoundError`, `StoreUnavailable`."""
        return self._objects.read(f"{_folder(job)}{ORDER_FILE}")

    def put_part(self, job: str, number: int, rows: dict[RowFormat, bytes]) -> None:
        """Write a part, counted from 0. Raises `StoreFull`, `StoreUnavailable`."""
        self._require_free_space(sum(map(len, rows.values())))
        for row_format in sorted(rows, key=lambda name: name == _LAST_WRITTEN):
            self._objects.put(_part(job, number, row_format), rows[row_format])

    def parts(self, job: str, row_format: RowFormat) -> list[Part]:
        """The parts that exist, in order; without a gap."""
        sizes = {stored.path: stored.size_bytes for stored in self._objects.list(f"{_folder(job)}parts/")}
        found: list[Part] = []
        while _part(job, len(found), _LAST_WRITTEN) in sizes and (path := _part(job, len(found), row_format)) in sizes:
            found.append(Part(path, sizes[path]))
        return found

    def read(self, part: Part) -> Iterator[bytes]:
        """The bytes of a part, in chunks. Raises `FileNotFoundError` when it was deleted."""
        return self._objects.open(part.path).chunks

    def delete(self, job: str) -> int:
        """Remove everything of a job, and return the bytes freed."""
        stored = self._objects.list(_folder(job))
        self._objects.delete(found.path for found in stored)
        return sum(found.size_bytes for found in stored)

    def idle_jobs(self, older_than_s: float) -> list[str]:
        """Jobs to which nothing was written for this long, ascending."""
        return idle_jobs(self._objects.list(ROOT), older_than_s)


def _folder(job: str) -> str:
    check_job(job)
    return f"{ROOT}{job}/"


def _part(job: str, number: int, row_format: RowFormat) -> str:
    return f"{_folder(job)}parts/{number:06d}.{row_format}"
