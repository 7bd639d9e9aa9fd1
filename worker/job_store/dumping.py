"""Reads everything that a server keeps about jobs, for a backup, while jobs are submitted, run and forgotten.

Each job is read at one moment. What is made from the jobs (queues, indexes) is left out, and so is what only living
processes need. Keys that this version of the program does not know are copied as they are.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, cast

import redis
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from worker.job_store import keys
from worker.job_store.connection import server_errors

BATCH = 20
"""Jobs that are read at once. A log has up to 2,000 lines, and the server has two seconds to answer."""
MADE_FROM_JOBS = ("queued", "running", "waits", "waiting")
OF_LIVING_PROCESSES = ("watch", "workers", "workers:facts", "ledger:writer", "feed", "probe")
LEFT_OUT = frozenset({*MADE_FROM_JOBS, *OF_LIVING_PROCESSES})
LEFT_OUT_FOLDERS = ("index:", "queue:")

Kind = Literal["string", "hash", "list", "zset", "set", "stream"]


class DumpedKey(BaseModel, defer_build=True):
    """One key of the server.

    Attributes:
        key: its name without the prefix that all keys have.
        kind: its type on the server.
        value: a text, an object of texts, a list of texts, pairs of member and score, or pairs of id and fields.
        ttl_ms: milliseconds after which it expires; None if it never does.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    kind: Kind
    value: JsonValue
    ttl_ms: int | None = Field(default=None, gt=0)


def dump(client: redis.Redis) -> Iterator[DumpedKey]:
    """Everything that a backup needs, job by job.

    Groups are read after the list of jobs: a group whose jobs are not on that list is newer, and left out. Numbers are
    read last, because they only grow: no number of a job or of a claim is given twice after a restore.

    Raises:
        QueueUnavailable: the server does not answer.
    """
    with server_errors():
        began = server_time(client)
        jobs = cast(list[tuple[str, float]], client.zrange(keys.JOBS, 0, -1, withscores=True))
        others = [name for name in _names(client) if not name.startswith(("job:", "jobs"))]
        groups = list(_read(client, [name for name in others if name.startswith("group")]))
        yield from _made_before(began, groups)
        kept = []
        for start in range(0, len(jobs), BATCH):
            found = list(_jobs(client, jobs[start : start + BATCH]))
            kept += [pair for pair, entries in found if entries]
            yield from (entry for _, entries in found for entry in entries)
        yield DumpedKey(key="jobs", kind="zset", value=[[job, score] for job, score in kept])
        yield from _read(client, [name for name in others if not name.startswith("group")])


def is_left_out(name: str) -> bool:
    """Whether a key, named without the prefix, is no part of a backup."""
    return name in LEFT_OUT or name.startswith(LEFT_OUT_FOLDERS)


def server_time(client: redis.Redis) -> float:
    """The server's clock, in seconds since the epoch. Raises `QueueUnavailable`."""
    with server_errors():
        seconds, microseconds = client.time()
    return seconds + microseconds / 1e6


def has_jobs(client: redis.Redis) -> bool:
    """Whether a server keeps any job or group. Raises `QueueUnavailable`."""
    with server_errors():
        return bool(client.exists(keys.JOBS, keys.GROUPS))


def _made_before(moment: float, groups: Sequence[DumpedKey]) -> Iterator[DumpedKey]:
    """The keys of groups, without the groups that were made after a moment, in seconds since the epoch."""
    newer = {entry.key for entry in groups if _created_at(entry) > moment}
    for entry in groups:
        if entry.key == "groups" and isinstance(entry.value, list):
            pairs = [pair for pair in entry.value if isinstance(pair, list) and f"group:{pair[0]}" not in newer]
            yield entry.model_copy(update={"value": cast(JsonValue, pairs)})
        elif entry.key.removesuffix(":jobs") not in newer:
            yield entry


def _created_at(entry: DumpedKey) -> float:
    return float(str(entry.value.get("created_at", 0))) if isinstance(entry.value, dict) else 0.0


def _jobs(
    client: redis.Redis, jobs: Sequence[tuple[str, float]]
) -> Iterator[tuple[tuple[str, float], list[DumpedKey]]]:
    """All keys of each job; none for a job that has been forgotten or moved to the ledger meanwhile."""
    pipeline = client.pipeline(transaction=True)
    for job, _ in jobs:
        pipeline.hgetall(keys.job_key(job))
        pipeline.lrange(keys.epochs_key(job), 0, -1)
        pipeline.lrange(keys.log_key(job), 0, -1)
        pipeline.xrange(keys.events_key(job))
        pipeline.pttl(keys.events_key(job))
    answers = pipeline.execute()
    for number, pair in enumerate(jobs):
        record, epochs, log, events, ttl_ms = answers[5 * number : 5 * number + 5]
        found: list[tuple[str, Kind, Any, int]] = [
            ("", "hash", record, -1),
            (":epochs", "list", epochs, -1),
            (":log", "list", log, -1),
            (":events", "stream", events, ttl_ms),
        ]
        yield pair, [_entry(f"job:{pair[0]}{suffix}", *rest) for suffix, *rest in found if rest[1]] if record else []


def _names(client: redis.Redis) -> list[str]:
    """Names of all keys of ours without the prefix, without those that are left out."""
    found = {str(key).removeprefix(keys.PREFIX) for key in client.scan_iter(f"{keys.PREFIX}*", count=1000)}
    return sorted(name for name in found if not is_left_out(name))


def _read(client: redis.Redis, names: Sequence[str]) -> Iterator[DumpedKey]:
    for name in names:
        key = f"{keys.PREFIX}{name}"
        kind = cast(Kind, client.type(key))
        if cast(str, kind) != "none":  # it may have expired or been removed meanwhile
            value = _value(client, key, kind)
            if value:
                yield _entry(name, kind, value, client.pttl(key))


def _value(client: redis.Redis, key: str, kind: Kind) -> Any:  # noqa: ANN401 - each type has its own
    match kind:
        case "string":
            return client.get(key)
        case "hash":
            return client.hgetall(key)
        case "list":
            return client.lrange(key, 0, -1)
        case "zset":
            return client.zrange(key, 0, -1, withscores=True)
        case "set":
            return sorted(cast(set[str], client.smembers(key)))
        case "stream":
            return client.xrange(key)


def _entry(name: str, kind: Kind, value: Any, ttl_ms: int) -> DumpedKey:  # noqa: ANN401 - as above
    return DumpedKey(key=name, kind=kind, value=_json(value), ttl_ms=ttl_ms if ttl_ms > 0 else None)


def _json(value: Any) -> JsonValue:  # noqa: ANN401 - as above
    """Pairs become lists, as they come back from JSON."""
    return [[*item] if isinstance(item, tuple) else item for item in value] if isinstance(value, list) else value
