"""Whether a worker has the devices among which a training is to be divided.

Only workers know their devices; each announces them in Redis. While no worker is known, every number is accepted: the
job waits for a worker that has as many.
"""

from collections.abc import Sequence

from service.jobs.queue import JobQueue
from worker.jobs.device_choice import check_workers
from worker.jobs.grids import PlannedJob


async def require_devices(jobs: Sequence[PlannedJob], queue: JobQueue) -> None:
    """Refuse jobs for which no worker has enough devices; Redis is asked only if a job needs several.

    Raises:
        RequestInvalid: no worker has so many.
        QueueUnavailable: Redis does not answer.
    """
    wanted = max((job.plan.devices for job in jobs), default=1)
    if wanted > 1:
        workers = await queue.call(queue.jobs.workers)
        check_workers(wanted, max((worker.devices for worker in workers), default=None))
