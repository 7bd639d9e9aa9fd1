"""The store's contents, cached in memory: turns a reference (model, version, alias, or nothing) into a manifest.

Manifests never change and are read once; the list of versions and the aliases are read again after a moment. The
catalog does not know how a model is run, but is told when a version turns out to be damaged.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from model_store import (
    AliasNotFound,
    ArtifactCorrupt,
    Manifest,
    ModelNotFound,
    ModelStore,
    StoreError,
    StoreFull,
    StoreUnavailable,
    VersionNotFound,
)
from service.errors import NothingPublished, VersionPassedOver
from service.models.index import COMPUTED, Damage, Index, ModelEntry, Reference
from service.models.standing import Standing, standing_of

logger = logging.getLogger(__name__)

STORE_PATIENCE_S = 5.0
"""Seconds after which a store that does not answer counts as unavailable."""
HIT_PATIENCE_S = 0.25
"""Seconds that a prediction whose version is known waits for a slow store."""


class Catalog:
    """The store's index, read by one thread at a time and shared by all requests of this process."""

    def __init__(self, store: ModelStore, refresh_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._refresh_s = refresh_s
        self._clock = clock
        self._index: Index | None = None
        self._resolved: tuple[Index | None, dict[Reference, Manifest]] = (None, {})  # answers of one index
        self._reading: asyncio.Task[Index] | None = None
        self._reported: set[Damage] = set()
        self._one_reader = asyncio.Lock()
        self._manifests: dict[tuple[str, int], Manifest] = {}  # used by the reading thread only
        self._standings: dict[tuple[str, int], Standing] = {}  # like the manifests
        self._thread = ThreadPoolExecutor(1, "catalog")
        self._listeners: list[Callable[[str, int], None]] = []

    def on_lost(self, listener: Callable[[str, int], None]) -> None:
        """Call `listener` with the model and number of every version that was deleted or turned out to be damaged."""
        self._listeners.append(listener)

    async def index(self) -> Index:
        """The index, never older than the refresh interval. Raises `StoreUnavailable`."""
        return await self._index_since(self._clock() - self._refresh_s)

    async def refresh(self) -> Index:
        """The index read anew: it contains every change that was made before this call."""
        return await self._index_since(self._clock())

    async def is_store_up(self) -> bool:
        """Whether the model store answers, which predicting needs."""
        try:
            with suppress(StoreFull):  # a full store can still be read
                await asyncio.wait_for(asyncio.to_thread(self._store.check), STORE_PATIENCE_S)
            await asyncio.wait_for(self.index(), STORE_PATIENCE_S)
        except (StoreUnavailable, TimeoutError) as error:
            logger.warning("not ready: %s", error)
            return False
        return True

    def cached(self, reference: Reference) -> Manifest | None:
        """The version meant, if the index is fresh enough to tell at once; otherwise None: call `resolve`.

        An index older than the refresh interval, but not than twice the interval, is still used, and is read again
        in the background: while requests keep coming, none of them waits for the store.
        """
        index, age_s = self._index, 0.0
        if index is not None:
            age_s = self._clock() - index.read_at
        if index is None or age_s > 2 * self._refresh_s:
            return None
        if age_s > self._refresh_s:
            self._read_again()
        if self._resolved[0] is not index:
            self._resolved = (index, {})
        known = self._resolved[1]
        manifest = known.get(reference)
        if manifest is None:
            try:
                manifest = known[reference] = index.resolve(reference)
            except (StoreError, NothingPublished, VersionPassedOver):
                return None
        return manifest

    def has(self, manifest: Manifest) -> bool:
        """Whether a version is still in the cached index and not damaged."""
        entry = self._index.models.get(manifest.model) if self._index else None
        return entry is not None and manifest.version in entry.versions

    def latest(self, model: str) -> int | None:
        """Number of a model's latest sound version in the cached index."""
        entry = self._index.models.get(model) if self._index else None
        return entry.latest.version if entry is not None and entry.latest is not None else None

    async def resolve(self, reference: Reference) -> Manifest:
        """The version meant.

        A version that is known already is found even when the store is slow or unavailable.

        Raises:
            ModelNotFound, VersionNotFound, AliasNotFound, NothingPublished: a fresh index does not have it.
            VersionPassedOver: only versions that do not answer by default are left.
            ArtifactCorrupt: it is known to be damaged.
            StoreUnavailable: it is not known, and the store does not answer.
        """
        index = await self._index_soon()
        try:
            return index.resolve(reference)
        except (ModelNotFound, VersionNotFound, AliasNotFound, NothingPublished, VersionPassedOver):
            return (await self.refresh()).resolve(reference)

    async def mark_damaged(self, damage: Damage) -> None:
        """Stop serving a version until it is deleted or the process restarts."""
        self._report({damage})
        self._take((await self.index()).without({damage}))

    def close(self) -> None:
        """Stop the reading thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _index_soon(self) -> Index:
        """A fresh index if it can be read soon, otherwise the cached one."""
        if self._index is None:
            return await self.index()
        if self._index.read_at < self._clock() - self._refresh_s:
            await asyncio.wait({self._read_again()}, timeout=HIT_PATIENCE_S)
        return self._index

    def _read_again(self) -> asyncio.Task[Index]:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self.index())
            self._reading.add_done_callback(_log_failure)
        return self._reading

    async def _index_since(self, moment: float) -> Index:
        if self._index is not None and self._index.read_at >= moment:
            return self._index
        async with self._one_reader:
            # Another caller may have read it while this one waited for the lock; it counts if it began late enough.
            if self._index is None or self._index.read_at < moment:
                read = await asyncio.get_running_loop().run_in_executor(self._thread, self._read)
                self._report(read.damaged())
                return self._take(read.without(self._reported))
            return self._index

    def _take(self, index: Index) -> Index:
        before, self._index = self._index, index
        if before is not None:
            for model, version in before.versions() - index.versions():
                for listener in self._listeners:
                    listener(model, version)
        return index

    def _report(self, damages: set[Damage]) -> None:
        for damage in damages - self._reported:
            logger.error(
                "version %d of model %s is damaged (%s) and no longer served",
                damage.version,
                damage.model,
                damage.file,
            )
        self._reported |= damages

    def _read(self) -> Index:
        began = self._clock()
        entries = [entry for name in self._store.models() if (entry := self._entry(name))]
        known = {(entry.name, number) for entry in entries for number in entry.versions}
        self._manifests = {key: self._manifests[key] for key in known}
        self._standings = {key: self._standings[key] for key in known}
        return Index({entry.name: entry for entry in entries if entry.versions or entry.damaged}, began)

    def _entry(self, name: str) -> ModelEntry | None:
        versions: dict[int, Manifest] = {}
        damaged: dict[int, str] = {}
        try:
            for number in self._store.versions(name):
                try:
                    versions[number] = self._manifest(name, number)
                except ArtifactCorrupt as error:
                    damaged[number] = error.file
                except VersionNotFound:
                    continue  # deleted since it was listed
            standings = {number: self._standings[name, number] for number in versions}
            stored = {alias: version for alias, version in self._store.aliases(name).items() if alias not in COMPUTED}
            return ModelEntry(name, versions, damaged, stored, standings)
        except ModelNotFound:
            return None  # deleted since it was listed

    def _manifest(self, name: str, number: int) -> Manifest:
        if (name, number) not in self._manifests:
            manifest = self._store.manifest(name, number)
            self._manifests[name, number], self._standings[name, number] = manifest, standing_of(manifest)
        return self._manifests[name, number]


def _log_failure(reading: asyncio.Task[Index]) -> None:
    error = None if reading.cancelled() else reading.exception()
    if isinstance(error, StoreUnavailable):
        logger.warning("serving what is known: %s", error)
    elif error is not None:
        logger.error("reading the store failed", exc_info=error)
