"""Runs published networks with ONNX Runtime: loads them when first asked for, keeps those used last.

Given a manifest and pixels it returns probabilities, and knows neither requests nor labels. Loading and running
happen in threads of its own, so that a slow store or a large network never stops the event loop.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from model_store import ArtifactCorrupt, Manifest, ModelStore
from service.errors import ModelUnloaded
from service.metrics import LoadedModel
from service.stages import Stages
from worker.pixels import to_unit_range

MODEL_FILE = "model.onnx"
INPUT = "images"
OUTPUT = "probabilities"
_ONLY_ERRORS = 3  # ONNX Runtime's log severity
_DAMAGE: tuple[type[Exception], ...] = (
    ValueError,
    *(kind for kind in vars(ort_errors).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)
"""ONNX Runtime gives its errors no common ancestor."""


class Engine:
    """Probabilities from any published version."""

    def __init__(self, store: ModelStore, stages: Stages, *, loaded_models: int, threads: int, workers: int) -> None:
        """Make an engine with nothing loaded.

        Args:
            store: where the networks are.
            stages: told how long everything took.
            loaded_models: versions kept in memory.
            threads: threads for one batch.
            workers: batches worked on at once.
        """
        self._store = store
        self._stages = stages
        self._loaded_models = loaded_models
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = threads
        self._options.inter_op_num_threads = 1
        self._options.log_severity_level = _ONLY_ERRORS
        self._sessions: OrderedDict[tuple[str, int], asyncio.Task[Any]] = OrderedDict()
        self._sizes_bytes: dict[tuple[str, int], int] = {}  # of every version that ever was in memory
        self._unloaded: set[str] = set()
        self._loading = ThreadPoolExecutor(1, "load")
        self._running = ThreadPoolExecutor(workers, "infer")

    async def predict(self, manifest: Manifest, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Classify pictures.

        Args:
            manifest: the version to ask.
            images: uint8, shape (n, height, width, channels) of the manifest's `input_shape`, values 0-255.

        Returns:
            float32, shape (n, n_classes), rows sum to 1.

        Raises:
            ArtifactCorrupt: the version's network is damaged, or no network.
        """
        return await self.infer(manifest, to_unit_range(images))

    async def infer(self, manifest: Manifest, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Like `predict`, for pixels that are already float32 in [0, 1]."""
        session = await self._session(manifest)
        loop = asyncio.get_running_loop()
        with self._stages.inference(manifest.model, manifest.version, len(scaled)) as run:
            return await loop.run_in_executor(self._running, run.timed, _run, session, manifest, scaled)

    async def load(self, manifest: Manifest) -> None:
        """Have a version in memory. Raises `ModelUnloaded`, `ArtifactCorrupt`, and the store's errors."""
        self.refuse_unloaded(manifest.model)
        await self._session(manifest)

    def unload(self, model: str) -> None:
        """Serve a model no more, until it is restored or deleted; requests that were let in before end well."""
        self.forget(model)
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
        for key in [key for key in self._sessions if key[0] == model and version in (None, key[1])]:
            del self._sessions[key]

    def loaded(self) -> list[LoadedModel]:
        """The versions in memory now, the one used last at the end."""
        there = [key for key in self._sessions if key in self._sizes_bytes]
        return [LoadedModel(model, version, self._sizes_bytes[model, version]) for model, version in there]

    def close(self) -> None:
        """Let the threads go."""
        self._loading.shutdown(wait=False, cancel_futures=True)
        self._running.shutdown(wait=False, cancel_futures=True)

    async def _session(self, manifest: Manifest) -> Any:  # noqa: ANN401 - ONNX Runtime publishes no types
        if manifest.model in self._unloaded:
            return await self._load(manifest)  # for a request let in before: its own, not kept
        key = (manifest.model, manifest.version)
        task = self._sessions.get(key)
        if task is None:
            task = self._sessions[key] = asyncio.create_task(self._load(manifest))
            task.add_done_callback(lambda done: self._drop_failed(key, done))
        self._sessions.move_to_end(key)
        while len(self._sessions) > self._loaded_models:
            self._sessions.popitem(last=False)
        return await asyncio.shield(task)  # shared: a caller who leaves must not take it along

    async def _load(self, manifest: Manifest) -> Any:  # noqa: ANN401
        began_at = time.perf_counter()
        session = await asyncio.get_running_loop().run_in_executor(self._loading, self._open, manifest)
        self._stages.loaded(time.perf_counter() - began_at)
        self._sizes_bytes[manifest.model, manifest.version] = manifest.files[MODEL_FILE].size_bytes
        return session

    def _open(self, manifest: Manifest) -> Any:  # noqa: ANN401
        if MODEL_FILE not in manifest.files:
            raise ArtifactCorrupt(manifest.model, manifest.version, MODEL_FILE)
        network = self._store.read(manifest.model, manifest.version, MODEL_FILE)
        with _damage_named(manifest):
            session = onnxruntime.InferenceSession(network, self._options, providers=["CPUExecutionProvider"])
        if [node.name for node in session.get_inputs()] != [INPUT]:
            raise ArtifactCorrupt(manifest.model, manifest.version, MODEL_FILE)
        return session

    def _drop_failed(self, key: tuple[str, int], done: asyncio.Task[Any]) -> None:
        if (done.cancelled() or done.exception()) and self._sessions.get(key) is done:
            del self._sessions[key]


def _run(session: Any, manifest: Manifest, scaled: NDArray[np.float32]) -> NDArray[np.float32]:  # noqa: ANN401
    with _damage_named(manifest):
        (probabilities,) = session.run([OUTPUT], {INPUT: scaled})
    is_fit = probabilities.shape == (len(scaled), len(manifest.classes))
    if not is_fit or (not np.isfinite(probabilities).all() and _is_unit_range(scaled)):
        raise ArtifactCorrupt(manifest.model, manifest.version, MODEL_FILE)
    return np.asarray(probabilities, dtype=np.float32)


def _is_unit_range(scaled: NDArray[np.float32]) -> bool:
    """Whether the pixels are such that a sound network has finite answers; NaN is not."""
    return bool(((scaled >= 0) & (scaled <= 1)).all())


@contextmanager
def _damage_named(manifest: Manifest) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise ArtifactCorrupt(manifest.model, manifest.version, MODEL_FILE, "it does not run") from error
