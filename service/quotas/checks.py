"""Refuses what would take an owner beyond a limit, with what is used, what is allowed, and when to come back."""

import math
from collections.abc import Awaitable, Callable
from functools import partial

from service.datasets.makers import Maker
from service.keys.callers import Caller
from service.quotas.usage import Usage
from service.web.quota_errors import QuotaExceeded, StorageExceeded


async def require_jobs(caller: Caller, usage: Usage, n_more: int) -> None:
    """Check before anything is done for jobs. The queue checks again when it writes them, and then no other can pass.

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
        if most_s is not None and used.waiting_s >= most_s:
            raise QuotaExceeded("seconds of waiting jobs", most_s, used.waiting_s, used.each_s)
    await _require_bytes(caller, "model_bytes", "versions", usage.model_bytes, 1)


async def require_dataset_bytes(caller: Caller, usage: Usage, n_more: int, name: str = "") -> None:
    """Check before a dataset is received, converted and stored.

    Args:
        caller: who will own it.
        usage: counts what the caller uses.
        n_more: bytes of the archive, as announced, or of the dataset; 0 where they are not known.
        name: of the dataset, whose bytes so far are not counted.

    Raises:
        StorageExceeded: the caller's datasets would use more bytes than they may.
        StoreUnavailable: it cannot be counted.
    """
    await _require_bytes(
        caller, "dataset_bytes", "datasets", partial(usage.dataset_bytes, but_for=name), max(1, n_more)
    )


def maker_of(caller: Caller, usage: Usage) -> Maker:
    """Who makes the datasets that a caller uploads."""

    async def admit(n_more: int, name: str) -> None:
        await require_dataset_bytes(caller, usage, n_more, name)

    return Maker(caller.name, admit)


async def _require_bytes(
    caller: Caller, limit: str, what: str, used_by: Callable[[str], Awaitable[int]], n_more: int
) -> None:
    most = caller.limits.get(limit)
    if most is None:
        return
    used = await used_by(caller.name)
    if used + n_more > math.floor(most):
        raise StorageExceeded(what, most, used)
