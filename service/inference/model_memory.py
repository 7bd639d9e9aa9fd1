"""The networks in memory: loaded off the event loop when first needed, the least recently used is evicted.

A network counts with the memory it is expected to take. Pinned networks are never evicted; every other one stays for a
minimum time after it was loaded, so that two that do not fit together take turns instead of evicting each other at
every request.
"""

import asyncio
import logging
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Collection
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from model_store import ArtifactCorrupt, Manifest, ModelStore, read_recorded
from service.inference.batch_queue import BatchQueue
from service.inference.c_memory import give_back
from service.inference.network import Network
from service.telemetry.metrics import LoadedModel
from worker.artifacts import ONNX_FILE, UNUSUAL_FILE

logger = logging.getLogger(__name__)

MEMORY_PER_FILE_BYTE = 2.0
"""Memory of a network ÷ size of its file: ONNX Runtime keeps the weights as they came and as its kernels want them
(measured: 2.3 for a file of 0.9 MiB, 2.07 for one of 6.2 MiB)."""
TRIM_AFTER_S = 0.05
"""Between the end of a network and the trimming of free memory: by then the network is deallocated."""

Key = tuple[str, int]


@dataclass(frozen=True)
class MemoryRules:
    """Which networks may stay in memory.

    Attributes:
        budget_bytes: of all networks together; a single larger one is loaded alone.
        max_models: most networks.
        minimum_stay_s: seconds that a network stays at least.
        pinned: models, as `name` (its latest version) or `name/version`, that are never evicted.
    """

    budget_bytes: int = 2 * 1024**3
    max_models: int = 64
    minimum_stay_s: float = 1.0
    pinned: Collection[str] = ()


@dataclass
class _Entry:
    manifest: Manifest
    loading: "asyncio.Task[BatchQueue]" = field(init=False)
    queue: BatchQueue | None = None  # once it is loaded
    loaded_at: float = 0.0
    used_at: float = 0.0  # known to the last call of `unused_for`
    is_used: bool = False  # since then


class ModelMemory:
    """The networks in memory, each with its queue."""

    def __init__(
        self,
        store: ModelStore,
        rules: MemoryRules,
        threads: int,
        latest: Callable[[str], int | None],
        queue_for: Callable[[Network], BatchQueue],
        on_loaded: Callable[[float], None],
    ) -> None:
        """Begin with nothing.

        Args:
            store: where the networks are.
            rules: which networks may stay.
            threads: threads for one batch.
            latest: tells a model's latest version, which is the pinned one where only the model is named.
            queue_for: makes the queue before a network that was loaded.
            on_loaded: called with the seconds that loading a network took.
        """
        self._store = store
        self._rules = rules
        self._n_threads = threads
        self._latest = latest
        self._queue_for = queue_for
        self._on_loaded = on_loaded
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()  # the one used last at the end
        self._one_loads = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "load")

    def cached(self, manifest: Manifest) -> BatchQueue | None:
        """The queue of a version in memory; None if it is not loaded."""
        key = (manifest.model, manifest.version)
        entry = self._entries.get(key)
        if entry is None or entry.queue is None:
            return None
        self._entries.move_to_end(key)
        entry.is_used = True
        return entry.queue

    async def load(self, manifest: Manifest) -> BatchQueue:
        """The queue of a version, which is loaded if necessary. Raises `ArtifactCorrupt` and the store's errors."""
        key = (manifest.model, manifest.version)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(manifest)
            entry.loading = asyncio.create_task(self._load(entry))
            entry.loading.add_done_callback(lambda _: self._drop_failed(key, entry))
        self._entries.move_to_end(key)
        return await asyncio.shield(entry.loading)  # shared: it goes on when one caller leaves

    async def load_apart(self, manifest: Manifest) -> BatchQueue:
        """The queue of a version that is loaded for this caller and not kept. Raises like `load`."""
        return self._queue_for(await self._opened(manifest))

    def forget(self, model: str, version: int | None = None) -> None:
        """Drop one version, or all versions of a model; a batch that runs is still answered."""
        for key in [key for key in self._entries if key[0] == model and version in (None, key[1])]:
            self._evict(key)

    def unused_for(self, seconds: float) -> list[Key]:
        """The versions that may be evicted and that nobody has asked for so long, the one used longest ago first.

        The version used last is never among them. A use counts from the next call of this method, so it is called
        every few seconds.
        """
        now = time.monotonic()
        for entry in self._entries.values():
            if entry.is_used or not entry.used_at:
                entry.used_at, entry.is_used = now, False
        return [
            key
            for key, entry in list(self._entries.items())[:-1]
            if entry.queue is not None and now - entry.used_at >= seconds and not self._is_pinned(key)
        ]

    def loaded(self) -> list[LoadedModel]:
        """The versions in memory now, the one used last at the end."""
        return [
            LoadedModel(*key, entry.manifest.files[ONNX_FILE].size_bytes)
            for key, entry in self._entries.items()
            if entry.queue is not None
        ]

    def close(self) -> None:
        """Stop the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _load(self, entry: _Entry) -> BatchQueue:
        async with self._one_loads:
            await self._evict_until_fits(entry.manifest)
            began_at = time.perf_counter()
            network = await self._opened(entry.manifest)
            self._on_loaded(time.perf_counter() - began_at)
            # Before the next network is loaded, so that this one counts.
            entry.queue, entry.loaded_at = self._queue_for(network), asyncio.get_running_loop().time()
        return entry.queue

    async def _opened(self, manifest: Manifest) -> Network:
        loop, thread = asyncio.get_running_loop(), self._thread

        def trim_soon() -> None:
            with suppress(RuntimeError):  # the process ends
                loop.call_soon_threadsafe(loop.call_later, TRIM_AFTER_S, _trim, thread)

        return await loop.run_in_executor(thread, self._open, manifest, trim_soon)

    def _open(self, manifest: Manifest, at_its_end: Callable[[], None]) -> Network:
        if ONNX_FILE not in manifest.files:
            raise ArtifactCorrupt(manifest.model, manifest.version, ONNX_FILE)
        data = self._store.read(manifest.model, manifest.version, ONNX_FILE)
        scorer = read_recorded(self._store, manifest, UNUSUAL_FILE)
        network = Network(manifest, data, self._n_threads, scorer)
        # It is called after the last user is gone: a batch, or a request that was let in before the unloading.
        weakref.finalize(network, at_its_end).atexit = False
        return network

    def _drop_failed(self, key: Key, entry: _Entry) -> None:
        if entry.queue is None and self._entries.get(key) is entry:
            del self._entries[key]
        if not entry.loading.cancelled():
            entry.loading.exception()  # retrieved, in case every caller has left

    async def _evict_until_fits(self, manifest: Manifest) -> None:
        """Evict until the version fits; if only minimum stays prevent that, wait for one to end."""
        wanted = _memory_bytes(manifest)
        while not self._fits(wanted):
            candidates = [key for key, entry in self._entries.items() if entry.queue and not self._is_pinned(key)]
            if not candidates:
                return
            now = asyncio.get_running_loop().time()
            free_at = {key: self._entries[key].loaded_at + self._rules.minimum_stay_s for key in candidates}
            victim = next((key for key in candidates if free_at[key] <= now), None)
            if victim is None:
                await asyncio.sleep(min(free_at.values()) - now)
            else:
                logger.info("version %d of model %s is evicted from memory", victim[1], victim[0])
                self._evict(victim)

    def _fits(self, wanted_bytes: int) -> bool:
        there = [entry for entry in self._entries.values() if entry.queue is not None]
        taken_bytes = sum(_memory_bytes(entry.manifest) for entry in there)
        return len(there) < self._rules.max_models and taken_bytes + wanted_bytes <= self._rules.budget_bytes

    def _is_pinned(self, key: Key) -> bool:
        model, version = key
        if f"{model}/{version}" in self._rules.pinned:
            return True
        return model in self._rules.pinned and self._latest(model) == version

    def _evict(self, key: Key) -> None:
        entry = self._entries.pop(key)
        if entry.queue is not None:
            # The thread drops the last reference, unless a batch has one: deallocating a large network takes a while.
            with suppress(RuntimeError):  # the process ends
                self._thread.submit([entry].clear)


def _memory_bytes(manifest: Manifest) -> int:
    file = manifest.files.get(ONNX_FILE)
    return round(file.size_bytes * MEMORY_PER_FILE_BYTE) if file else 0


def _trim(thread: Executor) -> None:
    """Make the C library return the free memory, which it would keep otherwise."""
    with suppress(RuntimeError):  # the process ends
        thread.submit(give_back)
