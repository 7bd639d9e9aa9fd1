"""Turns the fields of a Redis hash, which are all text, into the shapes of `worker.jobs.records`."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from worker.jobs.records import JobRecord


def moment(seconds: str) -> datetime:
    """A time that is kept as seconds since the epoch."""
    return datetime.fromtimestamp(float(seconds), tz=UTC)


_DECODERS: dict[str, Callable[[str], Any]] = dict.fromkeys(
    ("request", "varied", "progress", "history", "model", "error"), json.loads
) | dict.fromkeys(("created_at", "started_at", "finished_at"), moment)


def job_record(fields: Mapping[str, str], rank: int | None) -> JobRecord:
    """A job's record.

    Args:
        fields: of its hash; those that are no part of a record are left out.
        rank: place among the queued jobs, from 0; None when it is not queued.
    """
    values = {name: _DECODERS.get(name, str)(text) for name, text in fields.items() if name in JobRecord.model_fields}
    return JobRecord.model_validate(
        values | {"position": None if rank is None else rank + 1, "cancel_requested": "cancel_requested" in fields}
    )
