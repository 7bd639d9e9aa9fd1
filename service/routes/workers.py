"""The route that says which workers there are and what they run."""

from fastapi import APIRouter
from pydantic import BaseModel

from service.deps import QueueDep
from service.web.problem_docs import problem_responses
from worker.jobs.errors import QueueUnavailable
from worker.jobs.workers import Worker

router = APIRouter(prefix="/workers", tags=["jobs"])


class WorkerList(BaseModel, defer_build=True):
    """The workers that are alive."""

    workers: list[Worker]


@router.get("", summary="List workers", responses=problem_responses(QueueUnavailable))
async def list_workers(queue: QueueDep) -> WorkerList:
    """Every worker that was heard of within the last minute: its machine, its GPUs, and what it runs since when."""
    return WorkerList(workers=await queue.call(queue.jobs.workers))
