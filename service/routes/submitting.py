"""Turns the body of a submission into jobs that may be queued, or refuses it: for single jobs, grids and groups."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable
from functools import cache
from typing import Annotated

from fastapi import Depends, Header

from model_store import StoreFull
from service.deps import CallerDep, CatalogDep, DatasetsDep, QueueDep, SettingsDep, StoreDep, UsageDep
from service.jobs.device_check import require_devices
from service.jobs.dry_run import DryRun, dry_run
from service.jobs.memory_check import with_memory
from service.quotas.checks import require_jobs
from service.web.outgoing import AddressRefused, checked
from service.web.quota_errors import QuotaExceeded, StorageExceeded
from worker.datasets import DatasetNotReady
from worker.jobs.errors import IdempotencyConflict, QueueUnavailable
from worker.jobs.grids import GridRequest, PlannedJob, Planner, plan_grid
from worker.jobs.plan import plan
from worker.jobs.request import JobRequest, RequestInvalid, labels_of

REFUSALS = (
    RequestInvalid,
    DatasetNotReady,
    IdempotencyConflict,
    QueueUnavailable,
    QuotaExceeded,
    StorageExceeded,
    StoreFull,
)
"""Why a submission may be refused."""

IdempotencyKey = Annotated[
    str | None,
    Header(max_length=200, description="A repeated request with the same key returns the first request's job."),
]


class Submitter:
    """Plans submissions of one request, with everything that they depend on."""

    def __init__(
        self,
        queue: QueueDep,
        catalog: CatalogDep,
        datasets: DatasetsDep,
        store: StoreDep,
        settings: SettingsDep,
        caller: CallerDep,
        usage: UsageDep,
        idempotency_key: IdempotencyKey = None,
    ) -> None:
        self.idempotency_key = idempotency_key or ""
        self._queue = queue
        self._catalog = catalog
        self._find_dataset = cache(datasets.find)
        self._store = store
        self._settings = settings
        self._caller = caller
        self._usage = usage

    async def outlook(self, submission: JobRequest | GridRequest) -> DryRun:
        """What would be queued, and what it would cost."""
        planned = await self._planned(submission)
        return await dry_run(planned, self._catalog, self._find_dataset)

    async def accepted(self, submission: JobRequest | GridRequest) -> list[PlannedJob]:
        """The jobs of a submission, checked: there is space for them, and their owner may have so many."""
        await self._require(asyncio.to_thread(self._store.require_free_space))
        await self._check_notify(submission)
        planned = await self._planned(submission)
        await require_devices(planned, self._queue)
        await self._require(require_jobs(self._caller, self._usage, len(planned)))
        return await with_memory(planned, self._queue, self._settings.trainer_memory_bytes, self._find_dataset)

    async def _planned(self, submission: JobRequest | GridRequest) -> list[PlannedJob]:
        return await asyncio.to_thread(_planned, submission, await self._planner(submission))

    async def _planner(self, submission: JobRequest | GridRequest) -> Planner:
        """Plans one request; the index is read only if the submission continues from a published version."""
        sent = submission.model_dump(exclude_unset=True)
        if "initial_model" not in sent and "initial_model" not in sent.get("grid", ()):
            return lambda request: plan(request, find_dataset=self._find_dataset)
        index = await self._catalog.index()
        return lambda request: plan(request, index.find, self._find_dataset)

    async def _check_notify(self, submission: JobRequest | GridRequest) -> None:
        """Refuse an address that this server does not send to; names that change later are checked again."""
        url = submission.model_dump().get("notify")
        if not isinstance(url, str):
            return
        try:
            await asyncio.to_thread(checked, url, allow_private=self._settings.notify_private)
        except AddressRefused as error:
            raise RequestInvalid(("notify",), str(error)) from error

    async def _require(self, check: Awaitable[None]) -> None:
        """Refuse jobs that do not pass a check.

        Without disk space they would end as `disk_full`, or the caller's key allows fewer.

        A repetition is let through. It adds no job; it only asks for an answer that its client missed.
        """
        try:
            await check
        except (StoreFull, QuotaExceeded, StorageExceeded):
            key = self.idempotency_key
            if not key or not await self._queue.call(self._queue.jobs.is_repetition, key):
                raise


SubmitterDep = Annotated[Submitter, Depends()]


def digest_of(submission: JobRequest | GridRequest, place: str = "") -> str:
    """A digest that is equal for equal requests, whatever the order of their fields.

    Args:
        submission: the request.
        place: the group that it adds to, if any.
    """
    sent = submission.model_dump(mode="json", exclude_unset=True)
    return hashlib.sha256((place + json.dumps(sent, sort_keys=True)).encode()).hexdigest()


def _planned(submission: JobRequest | GridRequest, plan_one: Planner) -> list[PlannedJob]:
    if isinstance(submission, GridRequest):
        return plan_grid(submission, plan_one)
    return [PlannedJob(varied={}, plan=plan_one(submission), labels=labels_of(submission))]
