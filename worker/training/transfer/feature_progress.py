"""Reports how far the computation of features is, as the progress of its job."""

import time
from collections.abc import Callable

from worker.jobs.records import Progress

REPORT_EVERY_S = 0.25


class FeatureProgress:
    """Counts pictures.

    Args:
        epochs: of the training that follows.
        total: pictures whose features are needed.
        on_progress: called a few times a second.
    """

    def __init__(self, epochs: int, total: int, on_progress: Callable[[Progress], None]) -> None:
        self._epochs = epochs
        self._on_progress = on_progress
        self._began = self._reported = time.monotonic()
        self._done = 0
        self.total = total

    def add(self, n_pictures: int) -> None:
        """Count more pictures as done."""
        self._done += n_pictures
        now = time.monotonic()
        if now - self._reported >= REPORT_EVERY_S or self._done >= self.total:
            self._reported = now
            self._on_progress(self._progress(max(now - self._began, 1e-9)))

    def _progress(self, seconds: float) -> Progress:
        pace = self._done / seconds
        return Progress(
            phase="preparing",
            epochs=self._epochs,
            step=self._done,
            steps=self.total,
            images_per_second=pace,
            eta_s=(self.total - self._done) / pace if pace else None,
            message=f"features of {self._done:,} of {self.total:,} pictures",
        )
