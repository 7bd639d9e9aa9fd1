"""Single pictures of datasets, by split and index, and lists of them.

Pictures are read from memory-mapped arrays (`worker.datasets.unpacked`): a request reads only the pages of its own
picture. The first request for a dataset makes the arrays, one dataset at a time. Nothing is drawn here.
"""

import asyncio
import logging
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_store import DatasetStore
from model_store.free_space import has_space_for
from service.drawing.process import drawn
from service.errors import DatasetPictureNotFound, DiskFull
from worker.datasets import (
    DATASETS,
    DatasetInfo,
    DatasetNotReady,
    DatasetUnavailable,
    find_dataset,
    is_available,
    load_uploaded,
)
from worker.datasets.dataset import LabelledImages
from worker.datasets.unpacked import SplitName, folder_of, map_split, pictures_of

logger = logging.getLogger(__name__)

NOT_FETCHED = "its files are not on this server yet; the first job that needs them fetches them"


@dataclass(frozen=True)
class DatasetPicture:
    """One picture of a dataset.

    Attributes:
        info: the dataset.
        split: the split it is in.
        index: its position there.
        pixels: uint8, shape (height, width, channels), values 0-255.
        class_index: its class.
    """

    info: DatasetInfo
    split: SplitName
    index: int
    pixels: NDArray[np.uint8]
    class_index: int

    @property
    def label(self) -> str:
        """The name of its class."""
        return self.info.classes[self.class_index]


@dataclass(frozen=True)
class PicturePage:
    """Some pictures of a split.

    Attributes:
        info: the dataset.
        total: pictures that match, on all pages.
        rows: index and class index of each picture on this page.
    """

    info: DatasetInfo
    total: int
    rows: tuple[tuple[int, int], ...]


class DatasetPictures:
    """Reads pictures of the datasets that can be trained on."""

    def __init__(self, store: DatasetStore, datasets_dir: Path, min_free_bytes: int) -> None:
        """Nothing is opened before it is asked for.

        Args:
            store: has the uploaded datasets.
            datasets_dir: receives the arrays.
            min_free_bytes: stays free on its disk.
        """
        self._store = store
        self._datasets_dir = datasets_dir
        self._min_free_bytes = min_free_bytes
        self._one_at_a_time = asyncio.Lock()

    async def one(self, name: str, split: SplitName, index: int) -> DatasetPicture:
        """One picture of a dataset, or of one of its versions (`pets/2`).

        Raises:
            DatasetNotFound: no dataset has this name.
            DatasetPictureNotFound: it has no such split, or the split has no such picture.
            DatasetNotReady: its conversion has not succeeded, or its files are not on this server.
            DatasetUnavailable, DatasetCorrupt, DiskFull, StoreUnavailable: its pictures cannot be read.
        """
        info, pictures = await self._split(name, split)
        if not 0 <= index < len(pictures.labels):
            raise DatasetPictureNotFound(name, split, len(pictures.labels), index)
        pixels = await asyncio.to_thread(np.array, pictures.images[index])  # the read from the disk is here
        return DatasetPicture(info, split, index, pixels, int(pictures.labels[index]))

    async def page(self, name: str, split: SplitName, class_index: int | None, offset: int, limit: int) -> PicturePage:
        """Some pictures of a split, or of one class in it, in the order of the split. Raises like `one`."""
        info, pictures = await self._split(name, split)
        return await asyncio.to_thread(_page, info, pictures, class_index, offset, limit)

    async def find(self, name: str) -> DatasetInfo:
        """What is known about a dataset. Raises `DatasetNotFound`, `DatasetNotReady`, `StoreUnavailable`."""
        return await asyncio.to_thread(find_dataset, name, self._store)

    async def folder(self, name: str) -> Path:
        """Where the arrays of a dataset are, which may be deleted at any time. Raises like `one`."""
        info, _ = await self._split(name, "train")
        return folder_of(info, self._datasets_dir)

    async def _split(self, name: str, split: SplitName) -> tuple[DatasetInfo, LabelledImages]:
        info = await self.find(name)
        if not pictures_of(info, split):
            raise DatasetPictureNotFound(name, split, 0)
        mapped = await asyncio.to_thread(map_split, info, split, self._datasets_dir)
        return info, mapped or await self._prepared(info, split)

    async def _prepared(self, info: DatasetInfo, split: SplitName) -> LabelledImages:
        async with self._one_at_a_time:
            mapped = await asyncio.to_thread(map_split, info, split, self._datasets_dir)  # made while this one waited
            if mapped is None:
                await self._make(info)
                mapped = await asyncio.to_thread(map_split, info, split, self._datasets_dir)
        if mapped is None:
            raise DatasetUnavailable(info.name, "its pictures were removed while they were read", "Try again.")
        return mapped

    async def _make(self, info: DatasetInfo) -> None:
        if info.name in DATASETS and not await asyncio.to_thread(is_available, info.name, self._datasets_dir):
            raise DatasetNotReady(info.name, NOT_FETCHED)
        await asyncio.to_thread(self._require_space, info)
        if info.name not in DATASETS:
            await asyncio.to_thread(load_uploaded, info.name, self._store, self._datasets_dir, version=info.version)
            return
        try:
            await drawn("worker.datasets.unpacked", info.name, str(self._datasets_dir))
        except RuntimeError as error:
            logger.warning("%s", error)
            hint = "See the log of the API for details."
            raise DatasetUnavailable(info.name, "its pictures cannot be unpacked", hint) from error

    def _require_space(self, info: DatasetInfo) -> None:
        n_pictures = info.n_train + info.n_test + info.n_validation
        size_bytes = n_pictures * (prod(info.image_shape) + 8)
        self._datasets_dir.mkdir(parents=True, exist_ok=True)
        if not has_space_for(self._datasets_dir, size_bytes, self._min_free_bytes):
            raise DiskFull()


def _page(info: DatasetInfo, pictures: LabelledImages, class_index: int | None, offset: int, limit: int) -> PicturePage:
    labels = pictures.labels
    if class_index is None:
        total, chosen = len(labels), np.arange(offset, min(offset + limit, len(labels)))
    else:
        matching = np.flatnonzero(labels == class_index)
        total, chosen = len(matching), matching[offset : offset + limit]
    return PicturePage(info, total, tuple((int(index), int(labels[index])) for index in chosen))
