"""What the routes share that start a small job about a version, such as an export."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Response, status

from model_store import StoreFull
from service.deps import REQUIRE_FREE_SPACE, CallerDep, DatasetsDep, QueueDep, RequestIdDep
from service.web.quota_errors import QuotaExceeded
from worker.datasets import DatasetNotReady
from worker.jobs.errors import QueueUnavailable
from worker.jobs.grids import PlannedJob
from worker.jobs.plan import TrainingPlan
from worker.jobs.records import JobRecord
from worker.jobs.request import RequestInvalid

STARTS_A_JOB: dict[str, Any] = {
    "errors": (RequestInvalid, DatasetNotReady, QueueUnavailable, QuotaExceeded, StoreFull),
    "methods": ("POST",),
    "status_code": status.HTTP_202_ACCEPTED,
    "response_model": JobRecord,
    "dependencies": [REQUIRE_FREE_SPACE],
}
"""Options of such a route, see `service.routes.named_versions.of_version`."""


@dataclass(frozen=True)
class VersionJobs:
    """Plans and submits the jobs of one request."""

    response: Response
    queue: QueueDep
    datasets: DatasetsDep
    request_id: RequestIdDep
    caller: CallerDep

    async def submit(self, plan: TrainingPlan) -> JobRecord:
        """Queue a job, and name its URL in the header `Location`. Raises `QuotaExceeded`."""
        record = await self.queue.submit(PlannedJob(varied={}, plan=plan), "", "", self.request_id, self.caller)
        self.response.headers["Location"] = f"/jobs/{record.id}"
        return record


VersionJobsDep = Annotated[VersionJobs, Depends()]
