"""Refuses what would take an owner beyond a limit, with what is used, what is allowed, and when to come back."""

import math
from collections.abc import Awaitable, Callable

from service.keys.callers import Caller
from service.quotas.usage import Usage
from service.web.quota_errors import QuotaExceeded, StorageExceeded


async def require_jobs(caller: Caller, usage: Usage, n_more: int) -> None:
    """Check before jobs are queued.

    Two requests at the same moment may both pass, so an owner can be beyond a limit by the jobs of one request.

    Args:
        caller: who will own them.
        usage: counts what the caller uses.
        n_more: how many jobs.

    Raises:
        QuotaExceeded: too many jobs would wait or run, or would wait for too long.
        StorageExceeded: the caller's versions use all the bytes they may.
        QueueUnavailable, StoreUnavailable: it cannot be counted.
    """
    most_jobs, most_s = caller.limits.get("jobs"), caller.limits.get("waiting_s")
    if most_jobs is not None or most_s is not None:
        used = await usage.jobs(caller.name)
        if most_jobs is not None and used.jobs + n_more > most_jobs:
            raise QuotaExceeded("jobs that wait or run", most_jobs, used.jobs, used.each_s)
        if most_s is not None and used.waiting_s + n_more * used.each_s > most_s:
            raise QuotaExceeded("seconds of waiting jobs", most_s, used.waiting_s, used.each_s)
    await _require_bytes(caller, "model_bytes", "versions", usage.model_bytes, 1)


async def require_dataset_bytes(caller: Caller, usage: Usage, n_more: int) -> None:
    """Check before a dataset is received.

    Args:
        caller: who will own it.
        usage: counts what the caller uses.
        n_more: bytes of the archive, as announced; 0 where they were not.

    Raises:
        StorageExceeded: the caller's datasets would use more bytes than they may.
        StoreUnavailable: it cannot be counted.
    """
    await _require_bytes(caller, "dataset_bytes", "datasets", usage.dataset_bytes, max(1, n_more))


async def _require_bytes(
    caller: Caller, limit: str, what: str, used_by: Callable[[str], Awaitable[int]], n_more: int
) -> None:
    most = caller.limits.get(limit)
    if most is None:
        return
    used = await used_by(caller.name)
    if used + n_more > math.floor(most):
        raise StorageExceeded(what, most, used)
