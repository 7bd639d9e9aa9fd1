"""Pictures of comparisons, drawn one at a time; the last few are kept for as long as nothing in them changes."""

import asyncio
import hashlib
from collections import OrderedDict

from service.drawing_process import drawn
from worker.comparison import Comparison

KEPT = 32


class ComparisonPictures:
    """Draws one picture at a time and keeps the last few."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Semaphore(1)
        self._kept: OrderedDict[tuple[str, bytes], bytes] = OrderedDict()

    async def draw(self, comparison: Comparison, picture_format: str) -> bytes:
        """A comparison as a picture.

        Args:
            comparison: of any number of runs.
            picture_format: `png` or `svg`.

        Raises:
            RuntimeError: the drawing process failed.
        """
        data = comparison.model_dump_json().encode()
        key = (picture_format, hashlib.sha256(data).digest())
        async with self._one_at_a_time:
            if key not in self._kept:
                self._kept[key] = await drawn("worker.comparison.picture", picture_format, data=data)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return self._kept[key]
