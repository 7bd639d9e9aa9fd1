"""Fills a ledger with made-up jobs on all cores: other processes make and store segments, this one fills the index."""

import os
import random
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

from benchmarks.ledger.jobs import finished
from model_store import open_store
from worker.ledger.archivist import SEGMENT_JOBS
from worker.ledger.entries import Entry, packed
from worker.ledger.index import LedgerIndex

AHEAD = 8
"""Segments that are made before the index has taken them: they bound the memory, whatever the number of jobs."""


class Segment(NamedTuple):
    """A segment that is stored, and what the index is made of."""

    name: str
    size_bytes: int
    entries: list[Entry]


def fill_ledger(store_url: str, index: LedgerIndex, first: int, last: int) -> None:
    """Write segments of finished jobs, as the archivist does, and index them.

    Args:
        store_url: of the store that gets the segments.
        index: of this machine.
        first: number of the first job.
        last: number of the last one.
    """
    context = get_context("forkserver")
    with ProcessPoolExecutor(os.cpu_count() or 1, context) as pool:
        for segment in _made(pool, store_url, first, last):
            index.put(*segment)


def _made(pool: ProcessPoolExecutor, store_url: str, first: int, last: int) -> Iterator[Segment]:
    waiting: deque[Future[Segment]] = deque()
    for begin in range(first, last + 1, SEGMENT_JOBS):
        waiting.append(pool.submit(_segment, store_url, begin, min(begin + SEGMENT_JOBS, last + 1)))
        if len(waiting) == AHEAD:
            yield waiting.popleft().result()
    yield from (future.result() for future in waiting)


def _segment(store_url: str, begin: int, end: int) -> Segment:
    """Store the jobs of these numbers, `end` not included; they are the same whichever process makes them."""
    entries = list(finished(begin, end, random.Random(begin)))
    name, data = f"{begin}-{end - 1}-{entries[0].id}", packed(entries)
    open_store(store_url).job_segments.write(name, data)
    return Segment(name, len(data), entries)
