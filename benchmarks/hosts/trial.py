"""All checks, one after the other, on hosts that are built for them."""

import re
from collections.abc import Callable

from benchmarks.hosts import fault_checks, sharing_checks
from benchmarks.hosts.lab import Lab
from benchmarks.hosts.plan import SERVERS
from benchmarks.hosts.table import Row, header, tried

CHECKS: dict[str, Callable[[Lab], str]] = {
    "a job by one API is read and served by the other": sharing_checks.a_job,
    "predictions are the same from both APIs": sharing_checks.predictions,
    "a job's stream through the balancer": sharing_checks.a_stream,
    "a grid on four workers": sharing_checks.a_grid,
    "an upload by one API, trained on by way of the other": sharing_checks.an_upload,
    "keys made by one API, revoked by the other": sharing_checks.keys,
    "aliases moved by one API, followed by the other": sharing_checks.aliases,
    "a worker is killed": fault_checks.worker_killed,
    "a worker is told to stop": fault_checks.worker_preempted,
    "a worker is cut off": fault_checks.worker_cut_off,
    "a worker is cut off for a moment": fault_checks.worker_cut_off_for_a_moment,
    "a worker is slowed": fault_checks.worker_slowed,
    "an API is killed": fault_checks.api_killed,
    "an API is cut off": fault_checks.api_cut_off,
    "an API is slowed": fault_checks.api_slowed,
    "Redis is cut off": fault_checks.redis_cut_off,
    "Redis is killed": fault_checks.redis_killed,
    "Redis is slowed": fault_checks.redis_slowed,
    "the object store is cut off": fault_checks.store_cut_off,
    "the object store is slowed": fault_checks.store_slowed,
    "afterwards, no job is lost and each has one version": fault_checks.nothing_lost,
}
NEEDED = "a job by one API is read and served by the other"
"""Publishes what other checks predict with."""


def try_all(only: str) -> int:
    """Build the hosts, run the checks that were asked for."""
    lab = Lab()
    print(f"slow links: 80 ms, 2 % loss in each direction, by {lab.network.slowed_by}")
    print(header(), flush=True)
    rows = [_shown(tried("all hosts are in service", lambda: _started(lab)))]
    if rows[0].fault is None:
        chosen = [name for name in CHECKS if re.search(only, name) or name == NEEDED]
        rows += [_shown(tried(name, lambda name=name: CHECKS[name](lab))) for name in chosen]  # type: ignore[misc]
    failed = [row for row in rows if row.fault is not None]
    print(f"{len(rows) - len(failed)} of {len(rows)} hold; {sum(row.seconds for row in rows):.0f} s")
    return 1 if failed else 0


def _started(lab: Lab) -> str:
    lab.start()
    return f"{len(SERVERS)} hosts"


def _shown(row: Row) -> Row:
    print(row, flush=True)
    return row
