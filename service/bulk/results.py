"""The rows of a job that has ended: in the format that is wanted, whole or a range of bytes."""

import logging
from collections.abc import Iterator, Sequence, Set

from model_store.predictions import Part, PredictionStore, RowFormat
from service.web.byte_ranges import ByteRange

logger = logging.getLogger(__name__)

MEDIA_TYPES: dict[RowFormat, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
_WANTED: dict[str, RowFormat] = {
    "text/csv": "csv",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
    "application/json": "jsonl",
}


def format_for(accept: str) -> RowFormat:
    """The format that an `Accept` header asks for; CSV if it asks for none of them."""
    kinds = [kind.partition(";")[0].strip().lower() for kind in accept.split(",")]
    return next((_WANTED[kind] for kind in kinds if kind in _WANTED), "csv")


def chunks_of(store: PredictionStore, parts: Sequence[Part], wanted: ByteRange) -> Iterator[bytes]:
    """A range of all parts together; parts outside the range are not read."""
    at = 0
    for part in parts:
        start, at = at, at + part.size_bytes
        if start < wanted.stop and at > wanted.start:
            own_start, own_stop = max(0, wanted.start - start), min(part.size_bytes, wanted.stop - start)
            yield from ByteRange(own_start, own_stop, part.size_bytes).of(store.read(part))


def delete_rows(store: PredictionStore, jobs: Set[str]) -> None:
    """Delete the rows of those of these jobs that have any. One listing."""
    for job in jobs & set(store.idle_jobs(0)):
        store.delete(job)


def delete_older(store: PredictionStore, days: float) -> int:
    """Delete what was kept longer than so many days; returns how many jobs' answers that were."""
    old = store.idle_jobs(days * 24 * 3600)
    for job in old:
        store.delete(job)
    if old:
        logger.info("deleted the answers of %d jobs, which were older than %g days", len(old), days)
    return len(old)
