"""Pictures of jobs' curves; the most recent ones are cached by job, attempt, number of epochs and format."""

from service.drawing.process import Drawings, drawn
from worker.jobs.records import JobRecord

KEPT = 64


class CurvePictures:
    """Draws the curves of jobs."""

    def __init__(self) -> None:
        self._drawings = Drawings(KEPT)

    async def draw(self, job: JobRecord, picture_format: str) -> bytes:
        """Draw the curves of a job so far.

        Args:
            job: a running or finished job.
            picture_format: `png` or `svg`.

        Raises:
            RuntimeError: the drawing process failed.
        """
        return await self._drawings.get(
            (job.id, job.attempt, len(job.history.loss), picture_format),
            lambda: drawn(
                "worker.reports.curves",
                picture_format,
                f"{job.request.architecture_name} on {job.request.dataset}",
                *(["kept"] if job.request.early_stopping else []),
                data=job.history.model_dump_json().encode(),
            ),
        )
