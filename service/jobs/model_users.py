"""Who needs a model: aliases that point at its versions, and jobs that will continue from one of them."""

import asyncio
from contextlib import suppress

from model_store import ModelStore
from service.errors import ModelInUse
from service.jobs.queue import JobQueue
from worker.job_store.filters import NEWEST, JobFilter
from worker.jobs.errors import QueueUnavailable
from worker.jobs.states import JobState

PAGE = 500
MOST_PAGES = 20


async def refuse_used_model(name: str, store: ModelStore, queue: JobQueue) -> None:
    """Check that nothing needs a model before it is deleted.

    Raises:
        ModelNotFound: there is no such model.
        ModelInUse: an alias or a job needs it.
    """
    aliases = sorted(await asyncio.to_thread(store.aliases, name))
    jobs: list[str] = []
    with suppress(QueueUnavailable):  # deleting needs no queue; a job that misses its model says so
        jobs = await _jobs_continuing_from(name, queue)
    if aliases or jobs:
        raise ModelInUse(name, aliases, jobs)


async def _jobs_continuing_from(model: str, queue: JobQueue) -> list[str]:
    """Queued and running jobs whose training begins with a version of the model."""
    wanted = JobFilter((JobState.QUEUED, JobState.RUNNING))
    users: list[str] = []
    below = NEWEST
    for _ in range(MOST_PAGES):
        found, _total = await queue.call(queue.jobs.find, wanted, below, PAGE)
        records = await queue.call(queue.jobs.existing, [job.id for job in found])
        users += [job.id for job in records if (job.request.initial_model or "").partition("/")[0] == model]
        if len(found) < PAGE:
            break
        below = found[-1].sequence
    return users
