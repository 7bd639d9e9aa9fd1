"""Contact sheets: of uploaded datasets read from the store, of built-in ones drawn by a separate process."""

import asyncio
import hashlib
from pathlib import Path

from model_store import ConversionStatus, DatasetStore
from service.drawing.process import Drawings, drawn
from service.errors import PreviewUnavailable
from worker.datasets import DATASETS, DatasetNotFound, is_available
from worker.datasets.upload.packing import PREVIEW_FILE


class ContactSheets:
    """Draws the sheet of a built-in dataset only once, since built-in datasets do not change."""

    def __init__(self, store: DatasetStore, datasets_dir: Path) -> None:
        self._store = store
        self._datasets_dir = datasets_dir
        self._drawings = Drawings(len(DATASETS))

    async def get(self, name: str) -> tuple[bytes, str]:
        """A dataset's contact sheet as PNG, and its SHA-256.

        Raises:
            PreviewUnavailable: the dataset's files are not on this server, or the dataset is not ready.
            DatasetNotFound: no dataset has this name.
            DatasetDamaged, StoreUnavailable: the store cannot deliver the picture.
        """
        if name in DATASETS:
            picture = await self._drawings.get(name, lambda: self._drawn(name))
        else:
            picture = await asyncio.to_thread(self._uploaded, name)
        return picture, hashlib.sha256(picture).hexdigest()

    def _uploaded(self, name: str) -> bytes:
        found = self._store.find(name)
        if found is None:
            raise DatasetNotFound(name, [*DATASETS, *self._store.names()])
        if isinstance(found, ConversionStatus):
            raise PreviewUnavailable(name, "its conversion is not complete")
        return b"".join(self._store.stream(found, PREVIEW_FILE))

    async def _drawn(self, name: str) -> bytes:
        if not await asyncio.to_thread(is_available, name, self._datasets_dir):
            raise PreviewUnavailable(name, "its files are not on this server yet; the first training downloads them")
        return await drawn("worker.datasets.contact_sheet", name, str(self._datasets_dir))
