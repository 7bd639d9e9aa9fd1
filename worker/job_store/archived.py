"""What a job store asks of the ledger of finished jobs, where those are that no longer are in Redis."""

from collections.abc import Sequence
from typing import Protocol

from worker.job_store.filters import NEWEST, Found, JobFilter
from worker.jobs.records import JobRecord
from worker.jobs.states import JobState


class ArchivedJobs(Protocol):
    """Finished jobs outside of Redis. Every method raises `QueueUnavailable` when they cannot be read."""

    def find(self, wanted: JobFilter, below: float = NEWEST, limit: int = 50) -> tuple[list[Found], int]:
        """The newest jobs that match, and how many match in all."""
        ...

    def records(self, ids: Sequence[str]) -> dict[str, JobRecord]:
        """The records of these jobs; those that are not here are left out."""
        ...

    def sequence_of(self, job: str) -> int | None:
        """A job's number among all submissions; None when it is not here."""
        ...

    def log(self, job: str) -> list[str]:
        """A job's log, oldest line first."""
        ...

    def counts(self) -> dict[JobState, int]:
        """How many jobs are in each state."""
        ...

    def forget(self, jobs: Sequence[str]) -> list[str]:
        """Remove jobs for good, and return those that were here."""
        ...


class NoArchive(ArchivedJobs):
    """For processes that only run jobs: they need no finished ones."""

    def find(self, wanted: JobFilter, below: float = NEWEST, limit: int = 50) -> tuple[list[Found], int]:
        """None."""
        return [], 0

    def records(self, ids: Sequence[str]) -> dict[str, JobRecord]:
        """None."""
        return {}

    def sequence_of(self, job: str) -> int | None:
        """None."""
        return None

    def log(self, job: str) -> list[str]:
        """None."""
        return []

    def counts(self) -> dict[JobState, int]:
        """None."""
        return {}

    def forget(self, jobs: Sequence[str]) -> list[str]:
        """None."""
        return []
