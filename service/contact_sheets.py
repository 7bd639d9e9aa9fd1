"""Contact sheets: those of uploaded datasets from the store, those of built-in ones drawn by a process of their own."""

import asyncio
import hashlib
import sys
from pathlib import Path

from model_store import DatasetMissing, DatasetStore
from service.errors import PreviewUnavailable
from worker.datasets import DATASETS, DatasetNotFound, is_available
from worker.datasets.upload.packing import PREVIEW_FILE


class ContactSheets:
    """Draws one built-in dataset's sheet at a time, and keeps it: built-in datasets do not change."""

    def __init__(self, store: DatasetStore, datasets_dir: Path) -> None:
        self._store = store
        self._datasets_dir = datasets_dir
        self._one_at_a_time = asyncio.Semaphore(1)
        self._kept: dict[str, bytes] = {}

    async def get(self, name: str) -> tuple[bytes, str]:
        """A dataset's contact sheet as PNG, and its SHA-256.

        Raises:
            PreviewUnavailable: the dataset's files are not here, or it is not ready.
            DatasetNotFound: no dataset has this name.
            DatasetDamaged, StoreUnavailable: the store's fault.
        """
        picture = await self._built_in(name) if name in DATASETS else await asyncio.to_thread(self._uploaded, name)
        return picture, hashlib.sha256(picture).hexdigest()

    def _uploaded(self, name: str) -> bytes:
        try:
            manifest = self._store.manifest(name)
        except DatasetMissing as error:
            if self._store.status(name) is None:
                raise DatasetNotFound(name, [*DATASETS, *self._store.names()]) from error
            raise PreviewUnavailable(name, "it is not converted") from error
        return b"".join(self._store.stream(manifest, PREVIEW_FILE))

    async def _built_in(self, name: str) -> bytes:
        async with self._one_at_a_time:
            if name not in self._kept:
                if not await asyncio.to_thread(is_available, name, self._datasets_dir):
                    raise PreviewUnavailable(name, "its files are not on this server; a training fetches them")
                self._kept[name] = await self._drawn_elsewhere(name)
            return self._kept[name]

    async def _drawn_elsewhere(self, name: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "worker.datasets.contact_sheet", name, str(self._datasets_dir)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            picture, complaint = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            raise
        if process.returncode:
            raise RuntimeError(f"the contact sheet could not be drawn: {complaint.decode(errors='replace')[-500:]}")
        return picture
