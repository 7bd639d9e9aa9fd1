"""Pictures of comparisons; the most recent ones are cached as long as the comparison does not change."""

import hashlib

from service.drawing.process import Drawings, drawn
from worker.comparison import Comparison

KEPT = 32


class ComparisonPictures:
    """Draws comparisons."""

    def __init__(self) -> None:
        self._drawings = Drawings(KEPT)

    async def draw(self, comparison: Comparison, picture_format: str) -> bytes:
        """Draw a comparison.

        Args:
            comparison: a comparison of any number of runs.
            picture_format: `png` or `svg`.

        Raises:
            RuntimeError: the drawing process failed.
        """
        data = comparison.model_dump_json().encode()
        return await self._drawings.get(
            (picture_format, hashlib.sha256(data).digest()),
            lambda: drawn("worker.comparison.picture", picture_format, data=data),
        )
