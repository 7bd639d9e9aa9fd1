"""A page of whole records, as tests like to compare them."""

from collections.abc import Sequence

from worker.job_store.filters import JobFilter
from worker.job_store.store import JobStore
from worker.jobs.records import JobRecord
from worker.jobs.states import JobState


def page_of(
    jobs: JobStore, states: Sequence[JobState] = (), offset: int = 0, limit: int = 50, group: str | None = None
) -> tuple[list[JobRecord], int]:
    """Jobs in the given states (none given: all) and group, newest first, and how many there are in all."""
    found, total = jobs.find(JobFilter(states, properties={"group": group} if group else {}), limit=offset + limit)
    return list(jobs.existing(job.id for job in found[offset:])), total
