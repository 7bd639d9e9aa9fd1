"""Probabilities from any published version: the one door to the networks in memory and the queues before them.

Given a manifest and pixels it returns probabilities, and knows neither requests nor labels. What takes long happens in
threads, so that a slow store or a large network never stops the event loop.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model_store import Manifest, ModelStore
from service.errors import ModelUnloaded
from service.inference.batching import BatchQueue, BatchRules
from service.inference.model_memory import MemoryRules, ModelMemory
from service.inference.network import Network, Pixels
from service.inference.unloaded import UnloadedModels
from service.telemetry.metrics import LoadedModel
from service.telemetry.stages import Stages
from service.web.client_presence import while_client_stays


@dataclass(frozen=True)
class EngineRules:
    """How much the engine takes on.

    Attributes:
        threads: threads of ONNX Runtime for one batch.
        workers: batches that run in threads at once.
        batches: how batches are made.
        memory: what stays in memory.
    """

    threads: int = 1
    workers: int = 2
    batches: BatchRules = field(default_factory=BatchRules)
    memory: MemoryRules = field(default_factory=MemoryRules)


class Engine:
    """Probabilities from any published version."""

    def __init__(
        self, store: ModelStore, stages: Stages, rules: EngineRules, unloaded: UnloadedModels | None = None
    ) -> None:
        """Make an engine with nothing loaded.

        Args:
            store: where the networks are.
            stages: told how long everything took.
            rules: how much it takes on.
            unloaded: the models not to serve; default: this engine's own.
        """
        self._stages = stages
        self._rules = rules
        self._unloaded = unloaded or UnloadedModels()
        self._threads = ThreadPoolExecutor(rules.workers, "infer")
        self.memory = ModelMemory(store, rules.memory, rules.threads, self._queue_for, stages.loaded)
        self._unloaded.on_added = self.memory.forget

    async def predict(self, manifest: Manifest, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify pictures.

        Args:
            manifest: the version to ask.
            images: uint8, shape (n, height, width, channels) of the manifest's `input_shape`, values 0-255.

        Returns:
            float32, shape (n, n_classes), rows sum to 1.

        Raises:
            ArtifactCorrupt: the version's network is damaged, or no network.
            Overloaded: too many pictures wait for this version.
            ClientLeft: nobody waits for the answer any more.
        """
        return await self._ask(manifest, images)

    async def infer(self, manifest: Manifest, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Like `predict`, for pixels that are already float32 in [0, 1]."""
        return await self._ask(manifest, scaled)

    async def load(self, manifest: Manifest) -> None:
        """Have a version in memory. Raises `ModelUnloaded`, `ArtifactCorrupt`, and the store's errors."""
        self.refuse_unloaded(manifest.model)
        if self.memory.cached(manifest) is None:
            await self.memory.load(manifest)

    def cached(self, manifest: Manifest) -> BatchQueue | None:
        """The queue of a version that can be asked at once."""
        return None if self.is_unloaded(manifest.model) else self.memory.cached(manifest)

    def is_ready(self, manifest: Manifest) -> bool:
        """Whether a version can be asked at once."""
        return self.cached(manifest) is not None

    def unload(self, model: str) -> None:
        """Serve a model no more, until it is restored or deleted; requests that were let in before end well."""
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
        """Whether a model is unloaded on purpose."""
        return model in self._unloaded

    def forget(self, model: str, version: int | None = None) -> None:
        """Drop a version, or all there is of a model; a batch under way still ends well."""
        if version is None:
            self._unloaded.discard(model)
        self.memory.forget(model, version)

    def look(self) -> None:
        """Unload what other processes were asked to unload, if that is not known already."""
        self._unloaded.look()

    def loaded(self) -> list[LoadedModel]:
        """The versions in memory now, the one used last at the end."""
        return self.memory.loaded()

    def close(self) -> None:
        """Let the threads go."""
        self.memory.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, manifest: Manifest, pixels: Pixels) -> NDArray[np.float32]:
        queue = self.memory.cached(manifest) or await self._load(manifest)
        with self._stages.inference(manifest.model, manifest.version, len(pixels)) as run:
            if queue.is_quick(len(pixels)):
                answer = await queue.ask(pixels)
            else:
                answer = await while_client_stays(queue.ask(pixels))
            run.took(answer.queue_s, answer.compute_s)
        return answer.probabilities

    async def _load(self, manifest: Manifest) -> BatchQueue:
        if self.is_unloaded(manifest.model):
            return await self.memory.load_apart(manifest)  # for a request let in before: its own, not kept
        return await self.memory.load(manifest)

    def _queue_for(self, network: Network) -> BatchQueue:
        model = network.manifest.model

        def on_batch(n_pictures: int, queue_s: float, compute_s: float) -> None:
            self._stages.batch(model, n_pictures, queue_s, compute_s)

        return BatchQueue(network, self._rules.batches, self._threads, self._rules.workers, on_batch)
