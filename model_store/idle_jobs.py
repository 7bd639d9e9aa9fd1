"""Which jobs have stored no file for a while: their files are swept, unless the job goes on."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from model_store.names import MODEL_PATTERN, is_name
from model_store.objects import StoredObject


def idle_jobs(stored: Iterable[StoredObject], older_than_s: float) -> list[str]:
    """Jobs whose newest file was stored longer ago than this, ascending.

    Args:
        stored: all files of a kind, at `<kind>/<job>/…`.
        older_than_s: in seconds.
    """
    limit = datetime.now(UTC) - timedelta(seconds=older_than_s)
    found: defaultdict[str, list[datetime]] = defaultdict(list)
    for one in stored:
        job = one.path.split("/")[1]
        if is_name(job, MODEL_PATTERN):
            found[job].append(one.modified_at)
    return sorted(job for job, times in found.items() if max(times) <= limit)
