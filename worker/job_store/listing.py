"""Reads jobs: one, several, or a page of those that match a filter, with the places of those that wait."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from worker.job_store import keys
from worker.job_store.adoption import Adoption
from worker.job_store.claims import ClaimedJobs
from worker.job_store.connection import server_errors
from worker.job_store.fields import job_record
from worker.jobs.errors import JobNotFound
from worker.jobs.records import JobRecord
from worker.jobs.states import JobState

NEWEST = float("inf")


@dataclass(frozen=True)
class JobFilter:
    """Which jobs are wanted: in one of the states (none: in any), and with all of the properties that are given."""

    states: Sequence[JobState] = ()
    owner: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    """Of `tag`, `model`, `dataset`, `architecture`, `group`: the value that a job must have."""

    def indexes(self) -> tuple[list[str], list[str]]:
        """Names of indexes: a matching job is in one of the first and in all of the second."""
        owned = f",owner={self.owner}" if self.owner is not None else ""
        return (
            [f"state={state}{owned}" for state in dict.fromkeys(self.states or tuple(JobState))],
            [f"{name}={value}" for name, value in self.properties.items()],
        )


class Found(NamedTuple):
    """A job found: its id, and its number among all submissions, by which lists are ordered."""

    id: str
    sequence: int


class ListedJobs(ClaimedJobs):
    """Jobs on one Redis server as readers see them."""

    _is_adopted = False

    def adopt(self) -> int:
        """Take over what earlier versions of the program wrote or moved; how many jobs that were."""
        return Adoption(self._redis).adopt()

    def _open(self) -> None:
        """Take over the records of an earlier version before the first look at the indexes."""
        if not self._is_adopted:
            self.adopt()
            self._is_adopted = True

    def get(self, job: str) -> JobRecord:
        """One job. Raises `JobNotFound`."""
        record = next(self.existing([job]), None)
        if record is None:
            raise JobNotFound(job)
        return record

    def find(self, wanted: JobFilter, below: float = NEWEST, limit: int = 50) -> tuple[list[Found], int]:
        """The newest jobs that match, and how many match in all.

        Args:
            wanted: which jobs.
            below: only jobs whose number is smaller.
            limit: most jobs to find.
        """
        self._open()
        alternatives, required = wanted.indexes()
        start = "+inf" if below == NEWEST else int(below)
        total, *rows = self._scripts.run("page", start, limit, len(alternatives), *alternatives, *required)
        return [Found(job, int(sequence)) for job, sequence in zip(rows[::2], rows[1::2], strict=True)], int(total)

    def page(
        self, states: Sequence[JobState] = (), offset: int = 0, limit: int = 50, group: str | None = None
    ) -> tuple[list[JobRecord], int]:
        """Jobs in the given states (none given: all) and group, newest first, and how many there are in all."""
        found, total = self.find(JobFilter(states, properties={"group": group} if group else {}), limit=offset + limit)
        return list(self.existing(job.id for job in found[offset:])), total

    def sequence_of(self, job: str) -> int | None:
        """A job's number among all submissions; None when there is no such job."""
        with server_errors():
            sequence = self._redis.zscore(keys.JOBS, job)
        return None if sequence is None else int(sequence)

    def existing(self, ids: Iterable[str]) -> Iterator[JobRecord]:
        """The records of these jobs; those that do not exist are left out."""
        with server_errors():
            pipeline = self._redis.pipeline(transaction=False)
            for job in ids:
                pipeline.hgetall(keys.job_key(job))
                pipeline.lrange(keys.epochs_key(job), 0, -1)
            answers: list[Any] = pipeline.execute()
        rows = [(fields, epochs) for fields, epochs in zip(answers[::2], answers[1::2], strict=True) if fields]
        places = self.places([fields["id"] for fields, _ in rows if fields["state"] == JobState.QUEUED])
        for fields, epochs in rows:
            position, eta_s = places.get(fields["id"], (0, None))
            yield job_record(fields, position - 1 if position else None, epochs, eta_s)

    def places(self, jobs: Sequence[str]) -> dict[str, tuple[int, float | None]]:
        """Of queued jobs: the position in the order of starts, from 1, and the seconds until the start, if known.

        A job that does not wait any more is left out.
        """
        if not jobs:
            return {}
        answers = self._scripts.run("places", self._half_life_s, *jobs)
        return {
            job: (int(position), float(eta_s) if eta_s else None)
            for job, (position, eta_s) in zip(jobs, answers, strict=True)
            if position
        }
