"""Puts the pictures of a job into the store, and queues the job."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from model_store import Manifest, ModelStore
from service.bulk.asked import Asked
from service.jobs.queue import JobQueue
from service.keys.callers import Caller
from worker.datasets.upload.options import UploadLimits
from worker.job_store.keys import new_id
from worker.jobs.bulk_plan import plan_predictions
from worker.jobs.grids import PlannedJob
from worker.jobs.records import JobRecord
from worker.predictions.options import BulkOrder, Split


@dataclass(frozen=True)
class Submission:
    """What queuing a job needs of a process."""

    store: ModelStore
    queue: JobQueue
    limits: UploadLimits
    max_pictures: int

    async def submit(
        self,
        manifest: Manifest,
        asked: Asked,
        file: Path | None,
        top_k: int,
        request_id: str,
        caller: Caller,
        dataset: tuple[str, int | None, Split] | None = None,
    ) -> JobRecord:
        """Queue a job; its pictures are in the store before any worker can see it.

        Args:
            manifest: the version that answers.
            asked: what came.
            file: the archive; None for a split.
            top_k: classes that each row names.
            request_id: of the request.
            caller: owns the job.
            dataset: name, version and split, if they are wanted.

        Raises:
            RequestInvalid: the version cannot answer.
            QuotaExceeded: the caller may have no more jobs.
            StoreFull, StoreUnavailable, QueueUnavailable: it cannot be kept, or queued.
        """
        job = new_id()
        size_bytes = 0 if file is None else file.stat().st_size
        plan = plan_predictions(manifest, job, top_k, size_bytes, is_list=asked.is_list, dataset=dataset)
        order = BulkOrder(
            limits=self.limits, max_pictures=self.max_pictures, names=asked.names, rejected=asked.rejected
        )
        await asyncio.to_thread(self._keep, job, order, file)
        try:
            return await self.queue.submit(PlannedJob(varied={}, plan=plan), "", "", request_id, caller)
        except BaseException:
            await asyncio.to_thread(self._forget, job)
            raise

    def _keep(self, job: str, order: BulkOrder, file: Path | None) -> None:
        self.store.predictions.put_order(job, order.model_dump_json().encode())
        if file is not None:
            self.store.imports.put(job, file)

    def _forget(self, job: str) -> None:
        self.store.imports.delete(job)
        self.store.predictions.delete(job)
