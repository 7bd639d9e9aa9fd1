"""The store's contents, cached in memory: turns a reference (model, version, alias, or nothing) into a manifest.

Whether something has changed is looked up again after a moment (`service.models.reader`). The catalog does not know how
a model is run, but is told when a version turns out to be damaged.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial

from model_store import (
    AliasNotFound,
    Manifest,
    ModelNotFound,
    ModelStore,
    StoreError,
    StoreFull,
    StoreUnavailable,
    VersionNotFound,
)
from service.errors import NothingPublished, VersionPassedOver
from service.models.allowance import Allowance
from service.models.index import Damage, Index, ModelEntry, Reference
from service.models.reader import StoreReader
from service.telemetry.heartbeat import Heartbeat

logger = logging.getLogger(__name__)

STORE_PATIENCE_S = 5.0
"""Seconds after which a store that does not answer counts as unavailable."""
HIT_PATIENCE_S = 0.25
"""Seconds that a prediction whose version is known waits for a slow store."""
REMOTE_PAUSE_S = 1.2
"""Seconds between two looks at a storage service, which charges for every request, however many requests there are."""
SLOW_LOOK_PATIENCE_S = 30.0
"""Seconds for which what is known is used while the whole of a big store is looked at."""
LOOKS_AT_ONCE = 8
"""Looks in a row at a storage service that need not wait: at what was just changed, or is asked for by name."""
RESOLVED_KEPT = 4096
"""References whose versions are found without looking into the index; each keeps 23 kB of a parsed manifest."""
CHECK_HOLDS_S = 5.0
"""Seconds for which a storage service that has worked need not be tried again."""


class Catalog:
    """The store's index, read by one thread at a time and shared by all requests of this process."""

    def __init__(self, store: ModelStore, refresh_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._reader = StoreReader(store, clock)
        self._refresh_s = max(refresh_s, REMOTE_PAUSE_S) if self._reader.is_remote else refresh_s
        self._looks = Allowance(LOOKS_AT_ONCE, REMOTE_PAUSE_S if self._reader.is_remote else 0.0)
        self._checked_at = float("-inf")
        self._clock = clock
        self._index: Index | None = None
        self._read: Mapping[str, ModelEntry] | None = None  # as it was read, with versions that proved damaged since
        # Answers of one index.
        self._resolved: tuple[Mapping[str, ModelEntry] | None, dict[Reference, Manifest]] = (None, {})
        self._reading: asyncio.Task[Index] | None = None
        self._reported: set[Damage] = set()
        self._one_reader = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "catalog")
        self._listeners: list[Callable[[str, int], None]] = []
        self._heartbeat = Heartbeat(self._answers)

    def on_lost(self, listener: Callable[[str, int], None]) -> None:
        """Call `listener` with the model and number of every version that was deleted or turned out to be damaged."""
        self._listeners.append(listener)

    async def index(self) -> Index:
        """The index, never older than the refresh interval. Raises `StoreUnavailable`."""
        return await self._index_since(self._clock() - self._refresh_s)

    async def refresh(self) -> Index:
        """The index read anew: it contains every change that was noted in the store before this call."""
        return await self._index_since(self._clock(), thoroughly=True)

    @property
    def known(self) -> Index | None:
        """The index that was read last, however old it is."""
        return self._index

    async def is_store_up(self) -> bool:
        """Whether the model store answers, which predicting needs; while it hangs, whether it did until then."""
        return await self._heartbeat.works()

    async def _answers(self) -> bool:
        try:
            await self._check()
            await asyncio.wait_for(self.index_for_readiness(), STORE_PATIENCE_S)
        except StoreUnavailable as error:
            logger.warning("not ready: %s", error)
            return False
        except TimeoutError:
            logger.warning("not ready: the model store did not answer within %g s", STORE_PATIENCE_S)
            return False
        return True

    async def index_for_readiness(self) -> Index:
        """The index. Of a storage service it may be older: a survey of a big store must not delay readiness."""
        return await (self._index_soon() if self._reader.is_remote else self.index())

    def cached(self, reference: Reference) -> Manifest | None:
        """The version meant, if the index is fresh enough to tell at once; otherwise None: call `resolve`.

        Also None for an alias whose requests go to several versions: which one is meant depends on the request.

        An index older than the refresh interval, but not than twice the interval, is still used, and is read again
        in the background: while requests keep coming, none of them waits for the store.
        """
        index, age_s = self._index, 0.0
        if index is not None:
            age_s = self._clock() - index.read_at
        if index is None or age_s > (SLOW_LOOK_PATIENCE_S if self._reader.is_slow else 2 * self._refresh_s):
            return None
        if age_s > self._refresh_s:
            self._read_again()
        if self._resolved[0] is not index.models:
            self._resolved = (index.models, {})
        known = self._resolved[1]
        manifest = known.get(reference)
        if manifest is None:
            if index.is_split(reference):
                return None
            try:
                manifest = index.resolve(reference)
            except (StoreError, NothingPublished, VersionPassedOver):
                return None
            if len(known) >= RESOLVED_KEPT:
                known.clear()
            known[reference] = manifest
        return manifest

    def has(self, manifest: Manifest) -> bool:
        """Whether a version is still in the cached index and not damaged."""
        entry = self.entry(manifest.model)
        return entry is not None and manifest.version in entry.versions

    def entry(self, model: str) -> ModelEntry | None:
        """A model in the cached index."""
        return self._index.models.get(model) if self._index else None

    def latest(self, model: str) -> int | None:
        """Number of a model's latest sound version in the cached index."""
        entry = self.entry(model)
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
        age_s = self._clock() - self._index.read_at
        if age_s > self._refresh_s and not (self._reader.is_slow and age_s <= SLOW_LOOK_PATIENCE_S):
            await asyncio.wait({self._read_again()}, timeout=HIT_PATIENCE_S)
        return self._index

    def _read_again(self) -> asyncio.Task[Index]:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self.index())
            self._reading.add_done_callback(_log_failure)
        return self._reading

    async def _check(self) -> None:
        began = self._clock()
        if self._reader.is_remote and began - self._checked_at < CHECK_HOLDS_S:
            return
        with suppress(StoreFull):  # a full store can still be read
            await asyncio.wait_for(asyncio.to_thread(self._store.check), STORE_PATIENCE_S)
        self._checked_at = began

    async def _index_since(self, moment: float, *, thoroughly: bool = False) -> Index:
        if self._index is not None and self._index.read_at >= moment:
            return self._index
        async with self._one_reader:
            # Another caller may have read it while this one waited for the lock; it counts if it began late enough.
            if self._index is None or self._index.read_at < moment:
                await self._wait_for_a_look()
                began = self._clock()
                look = partial(self._reader.read, thoroughly=thoroughly)
                return self._take_read(await asyncio.get_running_loop().run_in_executor(self._thread, look), began)
            return self._index

    async def _wait_for_a_look(self) -> None:
        wait_s = self._looks.wait_s(self._clock())
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    def _take_read(self, read: Mapping[str, ModelEntry], began: float) -> Index:
        if self._index is not None and read is self._read:
            self._index = replace(self._index, read_at=began)
            return self._index
        self._read = read
        self._thread.submit(self._reader.pack)
        index = Index(read, began)
        self._report(index.damaged())
        return self._take(index.without(self._reported))

    def _take(self, index: Index) -> Index:
        before, self._index = self._index, index
        for entry in before.models.values() if before is not None else ():
            now = index.models.get(entry.name)
            if now is not entry:
                self._tell_lost(entry, now)
        return index

    def _tell_lost(self, before: ModelEntry, now: ModelEntry | None) -> None:
        for version in before.versions.keys() - (now.versions.keys() if now is not None else set()):
            for listener in self._listeners:
                listener(before.name, version)

    def _report(self, damages: set[Damage]) -> None:
        for damage in damages - self._reported:
            logger.error(
                "version %d of model %s is damaged (%s) and no longer served",
                damage.version,
                damage.model,
                damage.file,
            )
        self._reported |= damages


def _log_failure(reading: asyncio.Task[Index]) -> None:
    error = None if reading.cancelled() else reading.exception()
    if isinstance(error, StoreUnavailable):
        logger.warning("serving what is known: %s", error)
    elif error is not None:
        logger.error("reading the store failed", exc_info=error)
