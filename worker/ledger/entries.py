"""A finished job as a segment holds it: one line of JSON with its record, its number and its log."""

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from worker.jobs.records import JobRecord

Kind = tuple[str, str, str, str, str, str]


@dataclass(frozen=True)
class Entry:
    """A finished job with everything that is known about it.

    Attributes:
        sequence: its number among all submissions.
        record: its record as JSON, not validated: a million of them are read when an index is made anew.
        log: its lines, oldest first.
    """

    sequence: int
    record: dict[str, Any]
    log: Sequence[str] = ()

    @property
    def id(self) -> str:
        """Id of the job."""
        return str(self.record["id"])

    @property
    def kind(self) -> Kind:
        """What lists filter by: state, owner, model, dataset, architecture, and the tags between spaces."""
        record, request = self.record, self.record["request"]
        architecture = request["architecture"] if isinstance(request["architecture"], str) else "custom"
        tags = f" {' '.join(sorted(record['tags']))} "
        return record["state"], record["owner"], request["model"], request["dataset"], architecture, tags


def entry_of(sequence: int, record: JobRecord, log: Sequence[str]) -> Entry:
    """The entry of a job that has ended."""
    return Entry(sequence, record.model_dump(mode="json"), log)


def packed(entries: Iterable[Entry]) -> bytes:
    """A segment with these jobs."""
    lines = (json.dumps({"sequence": entry.sequence, "record": entry.record, "log": entry.log}) for entry in entries)
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), 6, mtime=0)


def unpacked(segment: bytes) -> list[Entry]:
    """The jobs of a segment."""
    return [Entry(**json.loads(line)) for line in gzip.decompress(segment).splitlines()]
