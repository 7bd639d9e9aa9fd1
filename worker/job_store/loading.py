"""Writes what `dumping` has read to a server without jobs: the jobs are there again, and those that ran are queued.

Queues and indexes are made from the jobs. A job that ran goes back into the queue without being charged an attempt, as
if its worker had been told to stop; the time since the dump does not count as time that it ran.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import redis

from worker.job_store import keys
from worker.job_store.claims import HALF_LIFE_S
from worker.job_store.connection import server_errors
from worker.job_store.dumping import DumpedKey, server_time
from worker.job_store.fields import facets_of_fields
from worker.job_store.scripts import Scripts
from worker.jobs.states import JobState

BATCH = 200


class JobsLoader:
    """Loads a dump into one server. Every method raises `QueueUnavailable` when the server does not answer.

    Args:
        client: of the server.
        dumped_at: when the dump was made, in seconds since the epoch.
        half_life_s: of the worker time that owners have used.
    """

    def __init__(self, client: redis.Redis, dumped_at: float, half_life_s: float = HALF_LIFE_S) -> None:
        self._redis = client
        self._dumped_at = dumped_at
        self._half_life_s = half_life_s
        self._scripts = Scripts(client)

    def load(self, entries: Iterable[DumpedKey]) -> int:
        """Write all keys, then queue and index the jobs; return how many jobs there are."""
        changes = self._ledger_changes()
        with server_errors():
            for batch in _batches(entries):
                pipeline = self._redis.pipeline(transaction=False)
                for entry in batch:
                    _write(pipeline, entry)
                pipeline.execute()
        self._renew_ledger(changes)
        with server_errors():
            ids = cast(list[str], self._redis.zrange(keys.JOBS, 0, -1))
            for job in ids:
                self._place(job)
        return len(ids)

    def _place(self, job: str) -> None:
        """Put a job into the queue and the indexes that fit its record."""
        record = cast(Mapping[str, str], self._redis.hgetall(keys.job_key(job)))
        if record.get("state") == JobState.RUNNING:
            self._give_back(job, record)
        elif record.get("state") == JobState.QUEUED:
            self._redis.zadd(keys.QUEUED, {job: cast(float, self._redis.zscore(keys.JOBS, job))})
        self._redis.hdel(keys.job_key(job), "indexed")
        self._scripts.run("adopt", job, record.get("facets") or facets_of_fields(record))

    def _give_back(self, job: str, record: Mapping[str, str]) -> None:
        """End the claim of a job that ran, as its worker does when it is told to stop."""
        ran_s = max(0.0, self._dumped_at - float(record.get("started_at", self._dumped_at)))
        fence = record.get("fence", "0")
        started_at = f"{server_time(self._redis) - ran_s:.6f}"
        self._redis.hset(keys.job_key(job), mapping={"started_at": started_at, "fence": fence})
        attempt = str(max(0, int(record.get("attempt", "1")) - 1))
        self._scripts.run("move", job, fence, JobState.QUEUED, self._half_life_s, "attempt", attempt)

    def _ledger_changes(self) -> int:
        with server_errors():
            return int(cast(str | None, self._redis.get(keys.ARCHIVE_CHANGES)) or 0)

    def _renew_ledger(self, before: int) -> None:
        """Let the number of changes be another one than any index has seen, so that all indexes are read again."""
        after = self._ledger_changes()
        with server_errors():
            self._redis.set(keys.ARCHIVE_CHANGES, max(before, after) + 1_000_000)


def forget_everything(client: redis.Redis) -> None:
    """Remove all keys of ours from a server but the number of changes to the ledger. Raises `QueueUnavailable`."""
    with server_errors():
        found = [key for key in client.scan_iter(f"{keys.PREFIX}*", count=1000) if key != keys.ARCHIVE_CHANGES]
        for start in range(0, len(found), BATCH):
            client.delete(*found[start : start + BATCH])


def _write(pipeline: "redis.client.Pipeline", entry: DumpedKey) -> None:
    key, value = f"{keys.PREFIX}{entry.key}", cast(Any, entry.value)
    match entry.kind:
        case "string":
            pipeline.set(key, value)
        case "hash":
            pipeline.hset(key, mapping=value)
        case "list":
            pipeline.rpush(key, *value)
        case "zset":
            pipeline.zadd(key, dict(value))
        case "set":
            pipeline.sadd(key, *value)
        case "stream":
            for event_id, fields in value:
                pipeline.xadd(key, fields, id=event_id)
    if entry.ttl_ms is not None:
        pipeline.pexpire(key, entry.ttl_ms)


def _batches(entries: Iterable[DumpedKey]) -> Iterator[list[DumpedKey]]:
    batch: list[DumpedKey] = []
    for entry in entries:
        if entry.value:
            batch.append(entry)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch
