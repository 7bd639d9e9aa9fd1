"""Does Redis answer, will it keep the job records, and do its clock and ours agree?"""

import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import redis

from service.cli.checkup.findings import Finding
from service.keys.needed import is_loopback
from worker.job_store.connection import connect
from worker.settings import SharedSettings

PART = "Redis"
MAX_CLOCK_DIFFERENCE_S = 2.0
"""Leases and deadlines of jobs are compared between machines; the shortest lease allowed is 3 s."""
NEARLY_FULL = 0.8


def check_redis(settings: SharedSettings) -> Iterator[Finding]:
    """Findings about the server that `CONVSERVE_REDIS_URL` names; without it, `convserve up` starts its own."""
    client = connect(settings.redis_url)
    where = _without_password(settings.redis_url)
    try:
        client.ping()
    except (redis.RedisError, ValueError) as error:
        if "redis_url" not in settings.model_fields_set:
            yield Finding(PART, "ok", "CONVSERVE_REDIS_URL is not set: `convserve up` starts a server of its own")
        else:
            yield Finding(PART, "error", f"{where} does not answer: {error}", "Check the address and the password.")
        return
    with client:
        info = client.info()
        yield Finding(PART, "ok", f"{where} answers ({info.get('valkey_version') or info.get('redis_version')})")
        yield from _password(settings.redis_url)
        yield from configuration_findings(info)
        yield from _clock(client)


def _password(url: str) -> Iterator[Finding]:
    parts = urlsplit(url)
    if parts.hostname and not parts.password and not is_loopback(parts.hostname):
        fix = "Set `requirepass`, and put the password into CONVSERVE_REDIS_URL."
        yield Finding(PART, "warning", f"{parts.hostname} answers without a password", fix)


def configuration_findings(info: Mapping[str, Any]) -> Iterator[Finding]:
    """What is wrong with how a server keeps records.

    Args:
        info: its answer to `INFO`.
    """
    yield from _persistence(info)
    yield from _memory(info)


def _persistence(info: Mapping[str, Any]) -> Iterator[Finding]:
    if not info.get("aof_enabled"):
        fix = "Set `appendonly yes` in its configuration (redis-cli config set appendonly yes)."
        yield Finding(PART, "error", "it does not write job records to disk at once: a restart loses them", fix)
    elif info.get("aof_last_write_status") not in (None, "ok"):
        yield Finding(PART, "error", "its last write to disk failed", "Free space on its disk, and see its log.")


def _memory(info: Mapping[str, Any]) -> Iterator[Finding]:
    limit, policy = info.get("maxmemory", 0), info.get("maxmemory_policy", "noeviction")
    if limit and policy != "noeviction":
        fix = "redis-cli config set maxmemory-policy noeviction"
        yield Finding(PART, "error", f"it evicts records when its memory is full ({policy})", fix)
    if limit and info["used_memory"] > NEARLY_FULL * limit:
        used = f"{info['used_memory'] / limit:.0%} of its memory is used"
        yield Finding(PART, "warning", used, "Raise `maxmemory`, or lower CONVSERVE_FINISHED_JOBS_KEPT.")


def _clock(client: redis.Redis) -> Iterator[Finding]:
    asked = time.time()
    seconds, microseconds = client.time()
    theirs = seconds + microseconds / 1e6
    difference = max(asked - theirs, theirs - time.time(), 0.0)
    if difference > MAX_CLOCK_DIFFERENCE_S:
        fix = "Synchronise both clocks (NTP): jobs would be taken from workers too early or too late."
        yield Finding("clock", "error", f"this machine's clock and that of Redis differ by {difference:,.1f} s", fix)
    else:
        yield Finding("clock", "ok", "this machine's clock agrees with that of Redis")


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=address).geturl()
