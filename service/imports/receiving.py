"""Directories for models that are being received, and a bound on how many there are at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from service.datasets.scratch import Scratch
from service.errors import TooManyUploads


class ModelUploads:
    """The models that this process receives.

    Args:
        directory: for their files; the sweep of uploaded datasets clears it too.
        most: bodies at once.
    """

    def __init__(self, directory: Path, most: int) -> None:
        self._directory = directory
        self._most = most
        self._receiving = 0

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator[Path]:
        """Where one more model is written; removed at the end.

        Raises:
            TooManyUploads: as many bodies are under way as this process takes.
        """
        if self._receiving >= self._most:
            raise TooManyUploads(self._most)
        self._receiving += 1
        try:
            folder = await asyncio.to_thread(Scratch, self._directory)
            try:
                yield folder.archive
            finally:
                await asyncio.to_thread(folder.remove)
        finally:
            self._receiving -= 1
