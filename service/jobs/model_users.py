"""Who needs a model or a version: aliases that point at it, and jobs that will read it or are reading it."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress

from model_store import ModelStore, VersionInUse
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
    read = await versions_read(queue)
    jobs = [job for version, readers in read.items() if version.partition("/")[0] == name for job in readers]
    if aliases or jobs:
        raise ModelInUse(name, aliases, jobs)


async def refuse_read_version(name: str, version: int, queue: JobQueue) -> None:
    """Check that no job needs a version before it is deleted. Raises `VersionInUse`."""
    jobs = (await versions_read(queue)).get(f"{name}/{version}", ())
    if jobs:
        raise VersionInUse(name, version, (), jobs)


async def versions_read(queue: JobQueue) -> Mapping[str, Sequence[str]]:
    """The versions, as `name/version`, that queued and running jobs read, each with the ids of those jobs.

    They train on from it, classify pictures with it, export or record it. Without a queue there are none: deleting does
    not need one, and a job that misses its version says so.
    """
    wanted = JobFilter((JobState.QUEUED, JobState.RUNNING))
    readers: dict[str, list[str]] = defaultdict(list)
    below = NEWEST
    with suppress(QueueUnavailable):
        for _ in range(MOST_PAGES):
            found, _total = await queue.call(queue.jobs.find, wanted, below, PAGE)
            for job in await queue.call(queue.jobs.existing, [job.id for job in found]):
                version = job.request.initial_model or job.request.version_read
                if version is not None:
                    readers[version].append(job.id)
            if len(found) < PAGE:
                break
            below = found[-1].sequence
    return readers
