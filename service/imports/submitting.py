"""Puts a received model into the store and queues the job that imports it."""

import asyncio
import hashlib
import json
from pathlib import Path

from model_store import ModelStore
from service.imports.model_bodies import ReceivedModel
from service.jobs.queue import JobQueue
from service.keys.callers import Caller
from service.web.quota_errors import QuotaExceeded
from worker.datasets import FindDataset
from worker.job_store.keys import new_id
from worker.jobs.errors import IdempotencyConflict
from worker.jobs.grids import PlannedJob
from worker.jobs.import_plan import plan_import
from worker.jobs.labels import Labels
from worker.jobs.records import JobRecord


async def submit_import(
    model: ReceivedModel,
    file: Path,
    store: ModelStore,
    queue: JobQueue,
    find_dataset: FindDataset,
    idempotency_key: str,
    request_id: str,
    caller: Caller,
) -> JobRecord:
    """Queue the job of a model that has arrived. The file is in the store before any worker can see the job.

    Args:
        model: what has arrived.
        file: where it is.
        store: keeps it until the job ends.
        queue: of jobs.
        find_dataset: looks up the dataset to test on.
        idempotency_key: a repeated request with the same key returns the first one's job.
        request_id: of the request.
        caller: owns the job and the version.

    Raises:
        RequestInvalid, DatasetNotReady: what was said about the model cannot work.
        QuotaExceeded: the caller may have no more jobs.
        IdempotencyConflict: the key came before with something else.
        StoreFull, StoreUnavailable, QueueUnavailable: it cannot be kept, or queued.
    """
    job = new_id()
    plan = await asyncio.to_thread(
        plan_import, model.options, job, model.format, model.sha256, model.size_bytes, model.filename, find_dataset
    )
    await asyncio.to_thread(store.imports.put, job, file)
    labels = Labels(tags=model.options.tags, note=model.options.note)
    planned = PlannedJob(varied={}, plan=plan, labels=labels)
    try:
        record = await queue.submit(planned, idempotency_key, _digest(model), request_id, caller)
    except (IdempotencyConflict, QuotaExceeded):
        await asyncio.to_thread(store.imports.delete, job)
        raise
    if record.id != job:  # a repetition: its first request brought the file
        await asyncio.to_thread(store.imports.delete, job)
    return record


def _digest(model: ReceivedModel) -> str:
    """A digest that is equal for equal requests."""
    sent = {"sha256": model.sha256, "options": model.options.model_dump(mode="json", exclude_unset=True)}
    return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()
