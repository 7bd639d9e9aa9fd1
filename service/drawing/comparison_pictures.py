"""Pictures of comparisons; the last few are kept for as long as nothing in them changes."""

import hashlib

from service.drawing.process import Drawings, drawn
from worker.comparison import Comparison

KEPT = 32


class ComparisonPictures:
    """Draws comparisons."""

    def __init__(self) -> None:
        self._drawings = Drawings(KEPT)

    async def draw(self, comparison: Comparison, picture_format: str) -> bytes:
        """A comparison as a picture.

        Args:
            comparison: of any number of runs.
            picture_format: `png` or `svg`.

        Raises:
            RuntimeError: the drawing process failed.
        """
        data = comparison.model_dump_json().encode()
        return await self._drawings.get(
            (picture_format, hashlib.sha256(data).digest()),
            lambda: drawn("worker.comparison.picture", picture_format, data=data),
        )
