"""Groups: jobs that were submitted together as one grid, on the same server as the jobs themselves.

A group is written whole or not at all, and so are jobs that are added to it later. Its jobs are jobs like any others,
and `JobStore` moves them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import cast

import redis
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from worker.job_store import keys
from worker.job_store.connection import server_errors
from worker.job_store.fields import facets_of, moment, new_fields
from worker.job_store.scripts import Scripts
from worker.job_store.store import IDEMPOTENCY_KEPT_S, JobStore, exceeded
from worker.jobs.allowances import UNLIMITED, Allowance
from worker.jobs.errors import GroupFull, GroupNotFound, IdempotencyConflict
from worker.jobs.grids import MAX_JOBS, PlannedJob
from worker.jobs.labels import LOCAL_OWNER
from worker.jobs.records import NO_ORIGIN, JobRecord, Origin
from worker.jobs.states import JobState


class Addition(BaseModel, defer_build=True):
    """Jobs that were added to a group later."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    jobs: int = Field(description="How many.")


class GroupRecord(BaseModel, defer_build=True):
    """A group and its jobs as they are now."""

    model_config = ConfigDict(frozen=True)

    id: str
    request: dict[str, JsonValue] = Field(description="What was asked for, the grid included.")
    created_at: datetime
    submitted_by: str | None = None
    additions: tuple[Addition, ...] = ()
    jobs: tuple[JobRecord, ...] = Field(description="In the order of the grid, forgotten ones left out.")


class GroupLine(BaseModel, defer_build=True):
    """A group in a list."""

    model_config = ConfigDict(frozen=True)

    id: str
    created_at: datetime
    counts: dict[JobState, int] = Field(description="How many of its jobs are in each state.")


class GroupStore:
    """All groups on one Redis server. Every method raises `QueueUnavailable` when the server does not answer."""

    def __init__(self, client: redis.Redis, jobs: JobStore) -> None:
        self._redis = client
        self._jobs = jobs
        self._scripts = Scripts(client)

    def submit(
        self,
        request: Mapping[str, JsonValue],
        jobs: Sequence[PlannedJob],
        idempotency_key: str = "",
        digest: str = "",
        origin: Origin = NO_ORIGIN,
        owner: str = LOCAL_OWNER,
        allowance: Allowance = UNLIMITED,
    ) -> GroupRecord:
        """Queue all jobs of a grid at once.

        Args:
            request: the body as the client sent it, kept to be shown.
            jobs: at least one, planned.
            idempotency_key: a second submission under the same key returns the first one's group.
            digest: of the request, to tell a repetition from a different one.
            origin: the request that submits.
            owner: of all the jobs.
            allowance: what the owner may have in the queue.

        Raises:
            IdempotencyConflict: the key came before with a different request.
            AllowanceExceeded: with all of these jobs, the owner would have too many.
        """
        new = keys.new_id()
        arguments: list[str | float] = [new, json.dumps(request), keys.hashed(idempotency_key), digest]
        arguments += [IDEMPOTENCY_KEPT_S, origin.request_id, owner, *allowance.limits]
        answer = self._scripts.run("submit_group", *arguments, *_arguments(jobs, new, owner, origin))
        if answer[0] is None:
            raise exceeded(allowance, len(jobs), answer[1:])
        group, first_digest = answer
        if first_digest != digest:
            raise IdempotencyConflict(idempotency_key, group)
        return self.get(group)

    def grow(
        self,
        group: str,
        jobs: Sequence[PlannedJob],
        idempotency_key: str = "",
        digest: str = "",
        origin: Origin = NO_ORIGIN,
        owner: str = LOCAL_OWNER,
        allowance: Allowance = UNLIMITED,
    ) -> GroupRecord:
        """Queue more jobs as part of a group, all or none; for the arguments see `submit`.

        Raises:
            GroupNotFound: there is no such group.
            GroupFull: with these jobs it would have more than `MAX_JOBS`.
            IdempotencyConflict: the key came before with a different request.
            AllowanceExceeded: with all of these jobs, the owner would have too many.
        """
        arguments: list[str | float] = [group, MAX_JOBS, keys.hashed(idempotency_key), digest, IDEMPOTENCY_KEPT_S]
        arguments += [owner, *allowance.limits]
        outcome, *facts = self._scripts.run("grow_group", *arguments, *_arguments(jobs, group, owner, origin))
        if outcome == "gone":
            raise GroupNotFound(group)
        if outcome == "full":
            raise GroupFull(group, int(facts[0]), len(jobs), MAX_JOBS)
        if outcome == "beyond":
            raise exceeded(allowance, len(jobs), facts)
        if facts != [group, digest]:
            raise IdempotencyConflict(idempotency_key, facts[0])
        return self.get(group)

    def get(self, group: str) -> GroupRecord:
        """One group. Raises `GroupNotFound`."""
        with server_errors():
            fields = cast(dict[str, str], self._redis.hgetall(keys.group_key(group)))
        if not fields:
            raise GroupNotFound(group)
        ids = self._members(group)
        return GroupRecord(
            id=group,
            request=json.loads(fields["request"]),
            created_at=moment(fields["created_at"]),
            submitted_by=fields["submitted_by"] or None,
            additions=json.loads(fields.get("additions", "[]")),
            jobs=tuple(self._jobs.existing(ids)),
        )

    def page(self, offset: int = 0, limit: int = 50) -> tuple[list[GroupLine], int]:
        """Groups, newest first, and how many there are in all."""
        with server_errors():
            ids = cast(list[str], self._redis.zrevrange(keys.GROUPS, 0, -1))
            lines = [self._line(group) for group in ids[offset : offset + limit]]
        return [line for line in lines if line], len(ids)

    def cancel(self, group: str) -> GroupRecord:
        """Cancel every job that has not ended: those that wait first, so that none of them starts meanwhile."""
        jobs = self.get(group).jobs
        for job in sorted(jobs, key=lambda job: job.state is not JobState.QUEUED):
            if not job.is_finished:
                self._jobs.cancel(job.id)
        return self.get(group)

    def _line(self, group: str) -> GroupLine | None:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hget(keys.group_key(group), "created_at")
        pipeline.sort(keys.group_jobs_key(group), by="nosort", get=[f"{keys.job_key('*')}->state"])
        created_at, states = pipeline.execute()
        if created_at is None:
            return None
        if None in states:  # some of its jobs are in the ledger
            states = [job.state for job in self._jobs.existing(self._members(group))]
        counts = {state: states.count(state) for state in JobState}
        return GroupLine(id=group, created_at=moment(created_at), counts=counts)

    def _members(self, group: str) -> list[str]:
        with server_errors():
            return cast(list[str], self._redis.lrange(keys.group_jobs_key(group), 0, -1))


def _arguments(jobs: Sequence[PlannedJob], group: str, owner: str, origin: Origin) -> Iterator[str]:
    """What the scripts take of each job."""
    for job in jobs:
        yield keys.new_id()
        yield job.plan.model_dump_json()
        yield new_fields(job.labels, owner, origin, job.estimated_bytes, job.estimated_s, job.varied, job.plan.devices)
        yield facets_of(job.plan, owner, job.labels.tags, group)
