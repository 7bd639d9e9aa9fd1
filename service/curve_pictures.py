"""Pictures of a job's curves, drawn by a process of their own: matplotlib never enters the API process."""

import asyncio
from collections import OrderedDict

from service.drawing_process import drawn
from worker.records import JobRecord

KEPT = 64


class CurvePictures:
    """Draws one picture at a time and keeps the last few, one per job, number of epochs and format."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Semaphore(1)
        self._kept: OrderedDict[tuple[str, int, int, str], bytes] = OrderedDict()

    async def draw(self, job: JobRecord, picture_format: str) -> bytes:
        """The curves of a job so far.

        Args:
            job: running or finished.
            picture_format: `png` or `svg`.

        Raises:
            RuntimeError: the drawing process failed.
        """
        key = (job.id, job.attempt, len(job.history.loss), picture_format)
        async with self._one_at_a_time:
            if key not in self._kept:
                self._kept[key] = await drawn(
                    "worker.curves",
                    picture_format,
                    f"{job.request.architecture_name} on {job.request.dataset}",
                    *(["kept"] if job.request.early_stopping else []),
                    data=job.history.model_dump_json().encode(),
                )
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return self._kept[key]
