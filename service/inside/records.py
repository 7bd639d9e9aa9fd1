"""Reads what a version recorded about its layers; the most recent records are cached."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from model_store import ArtifactCorrupt, Manifest, ModelStore, read_recorded
from service.errors import NotRecorded
from worker.artifacts import LAYERS_FILE, TAILS_FILE
from worker.inside.record import NetworkRecord, Tails

MOST_KEPT = 32

T = TypeVar("T", bound=BaseModel)


class Records:
    """The records of published versions."""

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[str, int, str], BaseModel] = OrderedDict()
        self._lock = threading.Lock()

    async def layers(self, manifest: Manifest) -> NetworkRecord:
        """The record of a version's layers.

        Raises:
            NotRecorded: the version has none.
            ArtifactCorrupt, StoreUnavailable: it cannot be read.
        """
        return await asyncio.to_thread(self._read, manifest, LAYERS_FILE, NetworkRecord)

    async def tails(self, manifest: Manifest) -> Tails:
        """The tails of a version. Raises like `layers`."""
        return await asyncio.to_thread(self._read, manifest, TAILS_FILE, Tails)

    def _read(self, manifest: Manifest, file: str, model: type[T]) -> T:
        key = (manifest.model, manifest.version, file)
        with self._lock:
            kept = self._kept.get(key)
            if isinstance(kept, model):
                self._kept.move_to_end(key)
                return kept
        record = self._parsed(manifest, file, model.model_validate_json)
        with self._lock:
            self._kept[key] = record
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return record

    def _parsed(self, manifest: Manifest, file: str, parse: Callable[[bytes], T]) -> T:
        data = read_recorded(self._store, manifest, file)
        if data is None:
            raise layers_not_recorded(manifest)
        try:
            return parse(data)
        except ValidationError as error:
            raise ArtifactCorrupt(manifest.model, manifest.version, file, "it does not parse") from error


def layers_not_recorded(manifest: Manifest) -> NotRecorded:
    """The error for a version that was published by an older release, or imported, without a record of its layers."""
    model, version = manifest.model, manifest.version
    remedy = f"POST /models/{model}/versions/{version}/record starts a small job that records it."
    return NotRecorded(model, version, "record of its layers", remedy)
