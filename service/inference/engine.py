"""Probabilities from any published version: the only way to the networks in memory and the queues before them.

Given a manifest and pixels the engine returns probabilities; it knows neither requests nor labels. Slow work happens in
threads, so that a slow store or a large network never stops the event loop.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model_store import Manifest, ModelStore
from service.errors import ModelUnloaded
from service.inference.batch import Answer, Run
from service.inference.batch_queue import BatchQueue, BatchRules
from service.inference.input_watch import InputWatch
from service.inference.model_memory import MemoryRules, ModelMemory
from service.inference.network import Network, Pixels
from service.inference.unloaded import UnloadedModels
from service.telemetry.metrics import LoadedModel
from service.telemetry.stages import Stages
from service.web.client_presence import while_client_stays


@dataclass(frozen=True)
class EngineRules:
    """Limits of the engine.

    Attributes:
        threads: threads of ONNX Runtime for one batch.
        workers: batches that run in threads at once.
        batches: how batches are made.
        memory: which networks stay in memory.
    """

    threads: int = 1
    workers: int = 2
    batches: BatchRules = field(default_factory=BatchRules)
    memory: MemoryRules = field(default_factory=MemoryRules)


class Engine:
    """Probabilities from any published version."""

    def __init__(
        self,
        store: ModelStore,
        stages: Stages,
        rules: EngineRules,
        latest: Callable[[str], int | None] = lambda _model: None,
        unloaded: UnloadedModels | None = None,
    ) -> None:
        """Make an engine with nothing loaded.

        Args:
            store: where the networks are.
            stages: measures how long everything takes.
            rules: its limits.
            latest: tells a model's latest version; default: not known, so that no model is pinned by its name alone.
            unloaded: the models not to serve; default: none, and known to this engine only.
        """
        self._stages = stages
        self._rules = rules
        self._unloaded = unloaded or UnloadedModels()
        self._threads = ThreadPoolExecutor(rules.workers, "infer")
        self.memory = ModelMemory(store, rules.memory, rules.threads, latest, self._queue_for, stages.loaded)

    async def infer(self, manifest: Manifest, pixels: Pixels) -> NDArray[np.float32]:
        """Classify pictures.

        Args:
            manifest: the version to ask.
            pixels: shape (n, height, width, channels) of the manifest's `input_shape`; uint8 with values 0-255, or
                float32 in [0, 1].

        Returns:
            float32, shape (n, n_classes), rows sum to 1.

        Raises:
            ArtifactCorrupt: the version's network is damaged, or no network.
            Overloaded: too many pictures wait for this version.
            ClientLeft: the client disconnected before the answer.
        """
        return (await self.ask(manifest, pixels, is_scored=False)).probabilities

    async def ask(self, manifest: Manifest, pixels: Pixels, *, is_scored: bool = True) -> Answer:
        """Classify pictures and, if `is_scored`, say which are unusual. Arguments and errors are those of `infer`."""
        queue = self.memory.cached(manifest) or await self._load(manifest)
        with self._stages.inference(manifest.model, manifest.version, len(pixels)) as run:
            if queue.is_quick(len(pixels)):
                answer = await queue.ask(pixels, is_scored=is_scored)
            else:
                answer = await while_client_stays(queue.ask(pixels, is_scored=is_scored))
            run.took(answer.queue_s, answer.compute_s)
        return answer

    async def load(self, manifest: Manifest) -> None:
        """Load a version into memory. Raises `ModelUnloaded`, `ArtifactCorrupt`, and the store's errors."""
        self.refuse_unloaded(manifest.model)
        if self.memory.cached(manifest) is None:
            await self.memory.load(manifest)

    async def network(self, manifest: Manifest) -> Network:
        """A version's network, loaded if necessary, for work beside the predictions. Raises like `load`."""
        self.refuse_unloaded(manifest.model)
        queue = self.memory.cached(manifest) or await self.memory.load(manifest)
        return queue.network

    def cached(self, manifest: Manifest) -> BatchQueue | None:
        """The queue of a version that is in memory and may be served; None of any other."""
        return None if self.is_unloaded(manifest.model) else self.memory.cached(manifest)

    def is_ready(self, manifest: Manifest) -> bool:
        """Whether a version is in memory and may be served."""
        return self.cached(manifest) is not None

    def unload(self, model: str) -> None:
        """Stop serving a model until it is restored or deleted; requests that were let in before are still answered."""
        self.memory.forget(model)
        self._unloaded.add(model)

    def restore(self, model: str) -> None:
        """Serve an unloaded model again."""
        self._unloaded.discard(model)

    def refuse_unloaded(self, model: str) -> None:
        """Raise `ModelUnloaded` for a model that is unloaded on purpose."""
        if self.is_unloaded(model):
            raise ModelUnloaded(model)

    def is_unloaded(self, model: str) -> bool:
        """Whether a model is unloaded on purpose, by this process or another one."""
        self.sync_unloaded()
        return model in self._unloaded

    def forget(self, model: str, version: int | None = None) -> None:
        """Drop one version, or all versions of a model; a batch that runs is still answered."""
        if version is None:
            self._unloaded.discard(model)
        self.memory.forget(model, version)

    def sync_unloaded(self) -> None:
        """Drop the models that other processes were asked to unload."""
        for model in self._unloaded.refresh():
            self.memory.forget(model)

    def loaded(self) -> list[LoadedModel]:
        """The versions in memory now, the one used last at the end."""
        return self.memory.loaded()

    def close(self) -> None:
        """Stop the threads."""
        self.memory.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _load(self, manifest: Manifest) -> BatchQueue:
        if self.is_unloaded(manifest.model):
            return await self.memory.load_apart(manifest)  # a request that was let in before gets a copy of its own
        return await self.memory.load(manifest)

    def _queue_for(self, network: Network) -> BatchQueue:
        model = network.manifest.model
        watch = None
        if network.usual_scores:
            watch = InputWatch(model, network.manifest.version, network.usual_scores, self._stages.compared)

        def on_batch(run: Run, queue_s: float) -> None:
            self._stages.batch(model, len(run.probabilities), queue_s, run.compute_s)
            if watch is not None and run.scores:
                watch.see(run.scores)
                if run.unusual is not None:
                    self._stages.unusual(model, int(run.unusual.sum()))

        return BatchQueue(network, self._rules.batches, self._threads, self._rules.workers, on_batch)
