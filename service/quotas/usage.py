"""What an owner uses at this moment: jobs that wait or run, the time the waiting ones will take, bytes in the store."""

import asyncio
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import BaseModel, Field

from model_store import ConversionStatus, DatasetDamaged, DatasetStore
from model_store.manifest import total_bytes
from service.jobs.queue import JobQueue
from service.models.catalog import Catalog
from worker.jobs.errors import QueueUnavailable


class JobUsage(NamedTuple):
    """What an owner uses of the queue.

    Attributes:
        jobs: that wait or run.
        waiting_s: seconds that a worker will need for those that wait.
        each_s: seconds that a training takes, by the latest ones.
    """

    jobs: int
    waiting_s: float
    each_s: float


class Used(BaseModel, defer_build=True):
    """What the owner of a key uses; the fields of the queue are null while it does not answer."""

    jobs: int | None = Field(description="Jobs that wait or run.")
    waiting_s: float | None = Field(description="Seconds that a worker will need for those that wait.")
    dataset_bytes: int = Field(description="Bytes of the uploaded datasets, and of those that are being converted.")
    model_bytes: int = Field(description="Bytes of the published versions.")


class Usage:
    """Counts what owners use.

    Args:
        queue: of jobs.
        datasets: the store's.
        catalog: of models.
    """

    def __init__(self, queue: JobQueue, datasets: DatasetStore, catalog: Catalog) -> None:
        self._queue = queue
        self._datasets = datasets
        self._catalog = catalog

    async def of(self, owner: str) -> Used:
        """Everything. Raises `StoreUnavailable`."""
        try:
            queue = await self.jobs(owner)
        except QueueUnavailable:
            queue = None
        return Used(
            jobs=None if queue is None else queue.jobs,
            waiting_s=None if queue is None else queue.waiting_s,
            dataset_bytes=await self.dataset_bytes(owner),
            model_bytes=await self.model_bytes(owner),
        )

    async def jobs(self, owner: str) -> JobUsage:
        """What the owner has in the queue. Raises `QueueUnavailable`."""
        return await self._queue.call(self._jobs, owner)

    async def dataset_bytes(self, owner: str, but_for: str = "") -> int:
        """Bytes of the owner's datasets, and of the uploads that are being converted. Raises `StoreUnavailable`."""
        return await asyncio.to_thread(self._dataset_bytes, owner, but_for)

    async def model_bytes(self, owner: str) -> int:
        """Bytes of the owner's versions. Raises `StoreUnavailable`."""
        index = await self._catalog.index()
        versions = (version for entry in index.models.values() for version in entry.versions.values())
        return sum(version.size_bytes for version in versions if version.owner == owner)

    def _jobs(self, owner: str) -> JobUsage:
        return JobUsage(*self._queue.jobs.in_queue(owner))

    def _dataset_bytes(self, owner: str, but_for: str) -> int:
        now = datetime.now(UTC)
        return sum(self._bytes_of(name, owner, now) for name in self._datasets.names() if name != but_for)

    def _bytes_of(self, name: str, owner: str, now: datetime) -> int:
        try:
            found = self._datasets.find(name)
        except DatasetDamaged:
            return 0
        if found is None or found.owner != owner:
            return 0
        if isinstance(found, ConversionStatus):
            return found.size_bytes if found.as_seen(now).state == "converting" else 0
        return sum(total_bytes(manifest.files) for manifest in self._datasets.versions(name))
