"""Counts of aliases whose requests go to several versions, added up over all API processes.

They are figures for people, not records: each is forgotten 30 days after its last change, and backups leave them out.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import redis

from worker.job_store.connection import server_errors
from worker.job_store.keys import split_key

KEPT_S = 30 * 24 * 3600
_SINCE = "since"


class SplitCounts:
    """The counts on one Redis server. Every method raises `QueueUnavailable` when the server does not answer."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def add(self, name: str, counts: Mapping[str, int], since: datetime) -> None:
        """Add what a process has counted.

        Args:
            name: of a split and its versions.
            counts: by what is counted.
            since: when that process began to count; only the first one is kept.
        """
        key = split_key(name)
        with server_errors(), self._client.pipeline(transaction=True) as pipeline:
            for what, n in counts.items():
                pipeline.hincrby(key, what, n)
            pipeline.hsetnx(key, _SINCE, since.isoformat())
            pipeline.expire(key, KEPT_S)
            pipeline.execute()

    def read(self, name: str) -> tuple[Counter[str], datetime | None]:
        """What all processes have counted, and since when; nothing and None if none has."""
        with server_errors():
            found = self._client.hgetall(split_key(name))
        since = found.pop(_SINCE, None)
        counts = Counter({str(what): int(n) for what, n in found.items()})
        return counts, None if since is None else datetime.fromisoformat(str(since))
