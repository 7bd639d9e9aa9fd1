"""Reads jobs: one, several, or a page of those that match a filter, with the places of those that wait."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import redis

from worker.job_store import keys
from worker.job_store.adoption import Adoption
from worker.job_store.archived import ArchivedJobs, NoArchive
from worker.job_store.claims import HALF_LIFE_S, LEASE_S, ClaimedJobs
from worker.job_store.connection import server_errors
from worker.job_store.fields import job_record
from worker.job_store.filters import NEWEST, Found, JobFilter
from worker.jobs.errors import JobNotFound
from worker.jobs.formats import UNKNOWN, is_readable, too_new
from worker.jobs.records import JobRecord
from worker.jobs.states import JobState


class ListedJobs(ClaimedJobs):
    """Jobs on one Redis server, and those that were moved from there into the ledger, as readers see them.

    Args:
        client: of the server.
        lease_s: how long a claim holds without a heartbeat.
        half_life_s: of the worker time that owners have used, by which they take turns.
        archive: the ledger; a process that only runs jobs needs none.
    """

    def __init__(
        self,
        client: redis.Redis,
        lease_s: float = LEASE_S,
        half_life_s: float = HALF_LIFE_S,
        archive: ArchivedJobs | None = None,
    ) -> None:
        super().__init__(client, lease_s, half_life_s)
        self._archive = archive or NoArchive()
        self._is_adopted = False

    def adopt(self) -> int:
        """Take over what earlier versions of the program wrote or moved; how many jobs that were."""
        return Adoption(self._redis).adopt()

    def _open(self) -> None:
        """Take over the records of an earlier version before the first look at the indexes."""
        if not self._is_adopted:
            self.adopt()
            self._is_adopted = True

    def get(self, job: str) -> JobRecord:
        """One job. Raises `JobNotFound`, `RecordTooNew`."""
        record = next(self.existing([job]), None)
        if record is None:
            self._refuse_newer(job)
            raise JobNotFound(job)
        return record

    def _refuse_newer(self, job: str) -> None:
        """Raise `RecordTooNew` if there is such a job and this version cannot read it."""
        with server_errors():
            number, made_by = cast(list[str | None], self._redis.hmget(keys.job_key(job), "format", "made_by"))
        if number and not is_readable(number):
            raise too_new(job, int(number), made_by or UNKNOWN)

    def find(self, wanted: JobFilter, below: float = NEWEST, limit: int = 50) -> tuple[list[Found], int]:
        """The newest jobs that match, and how many match in all.

        Args:
            wanted: which jobs.
            below: only jobs whose number is smaller.
            limit: most jobs to find.
        """
        self._open()
        here, n_here = self._find_here(wanted, below, limit)
        archived, n_archived = self._archive.find(wanted, below, limit)
        # A job that is being moved is in both for a moment.
        merged = sorted({*here, *archived}, key=lambda job: job.sequence, reverse=True)
        return merged[:limit], n_here + n_archived - (len(here) + len(archived) - len(merged))

    def _find_here(self, wanted: JobFilter, below: float, limit: int) -> tuple[list[Found], int]:
        alternatives, required = wanted.indexes()
        start = "+inf" if below == NEWEST else int(below)
        total, *rows = self._scripts.run("page", start, limit, len(alternatives), *alternatives, *required)
        return [Found(job, int(sequence)) for job, sequence in zip(rows[::2], rows[1::2], strict=True)], int(total)

    def sequence_of(self, job: str) -> int | None:
        """A job's number among all submissions; None when there is no such job."""
        with server_errors():
            sequence = self._redis.zscore(keys.JOBS, job)
        return self._archive.sequence_of(job) if sequence is None else int(sequence)

    def existing(self, ids: Iterable[str]) -> Iterator[JobRecord]:
        """The records of these jobs; those that do not exist, or are too new to be read, are left out."""
        return self._records(list(ids), archived=[])

    def records_of(self, found: Sequence[Found]) -> Iterator[JobRecord]:
        """The same of jobs that were just found, each looked for where it was: a page of the ledger asks no server."""
        archived = [job.id for job in found if job.is_archived]
        return self._records([job.id for job in found], archived)

    def _records(self, wanted: Sequence[str], archived: Sequence[str]) -> Iterator[JobRecord]:
        elsewhere = set(archived)
        records = self._records_here([job for job in wanted if job not in elsewhere])
        missing = [job for job in wanted if job not in records]
        records |= self._archive.records(missing) if missing else {}
        return (records[job] for job in wanted if job in records)

    def log(self, job: str) -> list[str]:
        """The job's log, oldest line first. Raises `JobNotFound`."""
        self.get(job)
        return self.logs_here([job])[0] or self._archive.log(job)

    def logs_here(self, jobs: Sequence[str]) -> list[list[str]]:
        """The logs of these jobs as the server has them, oldest line first; none of a job that is not there."""
        with server_errors():
            pipeline = self._redis.pipeline(transaction=False)
            for job in jobs:
                pipeline.lrange(keys.log_key(job), 0, -1)
            return cast(list[list[str]], pipeline.execute())

    def _records_here(self, ids: Sequence[str]) -> dict[str, JobRecord]:
        if not ids:
            return {}
        with server_errors():
            pipeline = self._redis.pipeline(transaction=False)
            for job in ids:
                pipeline.hgetall(keys.job_key(job))
                pipeline.lrange(keys.epochs_key(job), 0, -1)
            answers: list[Any] = pipeline.execute()
        rows = {job: (answers[2 * i], answers[2 * i + 1]) for i, job in enumerate(ids) if answers[2 * i]}
        rows = {job: row for job, row in rows.items() if is_readable(row[0].get("format"))}
        places = self.places([job for job, (fields, _) in rows.items() if fields["state"] == JobState.QUEUED])
        records = {}
        for job, (fields, epochs) in rows.items():
            position, eta_s = places.get(job, (None, None))
            records[job] = job_record(fields, position, epochs, eta_s)
        return records

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
