"""Fills a ledger with made-up finished jobs, on all cores."""

import os
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from benchmarks.ledger.jobs import finished
from model_store import open_store
from model_store.job_segments import JobSegments
from worker.ledger.archivist import SEGMENT_JOBS
from worker.ledger.entries import packed
from worker.ledger.index import LedgerIndex

SEGMENTS_OF_A_TASK = 16


def fill_ledger(store_url: str, index: Path, first: int, last: int) -> None:
    """Write segments of finished jobs, as the archivist does, and index them.

    Args:
        store_url: of the store that gets the segments.
        index: file of this machine's index.
        first: number of the first job.
        last: number of the last one.
    """
    begins = range(first, last + 1, SEGMENT_JOBS)
    tasks = [begins[at : at + SEGMENTS_OF_A_TASK] for at in range(0, len(begins), SEGMENTS_OF_A_TASK)]
    with ProcessPoolExecutor(os.cpu_count() or 1, get_context("forkserver")) as pool:
        for task in [pool.submit(_write, store_url, index, task, last) for task in tasks]:
            task.result()


def _write(store_url: str, index: Path, begins: Sequence[int], last: int) -> None:
    """Write the segments that begin with these jobs; they are the same whichever process makes them."""
    segments, indexed = _opened(store_url, index)
    for begin in begins:
        end = min(begin + SEGMENT_JOBS, last + 1)
        entries = list(finished(begin, end, random.Random(begin)))
        name, data = f"{begin}-{end - 1}-{entries[0].id}", packed(entries)
        segments.write(name, data)
        indexed.put(name, len(data), entries)


@cache
def _opened(store_url: str, index: Path) -> tuple[JobSegments, LedgerIndex]:
    return open_store(store_url).job_segments, LedgerIndex(index)
