"""Lists all datasets, built in and uploaded, for the routes. Uploaded ones are read from the store each time."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from model_store import ConversionStatus, DatasetDamaged, DatasetManifest, DatasetStore, InvalidName
from service.datasets.answers import (
    DatasetAnswer,
    built_in_answer,
    conversion_answer,
    damaged_answer,
    uploaded_answer,
)
from worker.datasets import DATASETS, DatasetInfo, DatasetNotFound, find_dataset, is_available, reference_to


class DatasetListing:
    """The datasets that can be trained on, and the uploads on their way."""

    def __init__(self, store: DatasetStore, datasets_dir: Path) -> None:
        self._store = store
        self._datasets_dir = datasets_dir

    def find(self, name: str) -> DatasetInfo:
        """What a training needs to know about a dataset; blocks while it asks the store about an uploaded one.

        Raises:
            DatasetNotFound, DatasetNotReady, DatasetCorrupt, StoreUnavailable.
        """
        return find_dataset(name, self._store)

    async def all(self) -> list[DatasetAnswer]:
        """Every dataset: the built-in ones, then the uploaded ones by name. Raises `StoreUnavailable`."""
        return await asyncio.to_thread(self._all)

    async def one(self, name: str, version: int | None = None) -> DatasetAnswer:
        """One dataset, in its newest version by default. Raises `DatasetNotFound`, `StoreUnavailable`."""
        return await asyncio.to_thread(self._one, name, version)

    def _all(self) -> list[DatasetAnswer]:
        answers = [self._built_in(name) for name in DATASETS]
        for name in self._store.names():
            try:
                answers.append(self._uploaded(name))
            except DatasetNotFound:
                continue  # deleted since it was listed
        return answers

    def _one(self, name: str, version: int | None) -> DatasetAnswer:
        if name not in DATASETS:
            return self._uploaded(name, version)
        if version is not None:
            raise DatasetNotFound(reference_to(name, version), [name])
        return self._built_in(name)

    def _built_in(self, name: str) -> DatasetAnswer:
        return built_in_answer(DATASETS[name], is_available(name, self._datasets_dir))

    def _uploaded(self, name: str, version: int | None = None) -> DatasetAnswer:
        # Read the addition first: if it is published meanwhile, its status is gone, and the new version must be found.
        try:
            addition = self._addition(name)
            found = self._store.find(name)
        except DatasetDamaged as error:
            return damaged_answer(name, error.file)
        except InvalidName as error:
            raise DatasetNotFound(name, DATASETS) from error
        match found:
            case DatasetManifest():
                versions = self._store.versions(name)
                described = next((one for one in versions if one.version == version), None) if version else found
                if described is None:
                    raise DatasetNotFound(
                        reference_to(name, version), [reference_to(name, one.version) for one in versions]
                    )
                is_published = addition is not None and addition.version <= found.version
                return uploaded_answer(described, versions, None if is_published else addition)
            case ConversionStatus():
                return conversion_answer(name, found.as_seen(datetime.now(UTC)))
            case None:
                raise DatasetNotFound(name, [*DATASETS, *self._store.names()])

    def _addition(self, name: str) -> ConversionStatus | None:
        try:
            status = self._store.addition(name)
        except DatasetDamaged:
            return None
        return None if status is None else status.as_seen(datetime.now(UTC))
