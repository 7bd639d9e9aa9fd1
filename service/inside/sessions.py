"""Networks opened a second time, to look inside: few at once, in one thread, and with a bounded queue.

Predictions have threads and networks of their own, and the thread here has a lower priority, so that they are answered
as if nobody looked.
"""

import asyncio
import math
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from model_store import ArtifactCorrupt, Manifest, ModelStore
from service.errors import Overloaded
from service.inference.network import DAMAGE
from service.web.client_presence import while_client_stays
from worker.artifacts import INPUT_TENSOR, ONNX_FILE
from worker.onnx_sessions import open_session

T = TypeVar("T")

MOST_OPEN = 4
MOST_WAITING = 16
"""Looks that wait for the thread; more are told when to come back."""
MEMORY_PER_FILE_BYTE = 2.0
NICENESS = 10
"""Of the thread: where all cores are busy, predictions go first."""
_WEIGHT_OF_NEWEST = 0.2


class InsideSession:
    """A network whose tensors can be read.

    Attributes:
        manifest: the version it belongs to.
    """

    def __init__(self, manifest: Manifest, data: bytes) -> None:
        """Open it.

        Args:
            manifest: the version the file belongs to.
            data: the ONNX file with what was added to it.

        Raises:
            ArtifactCorrupt: it holds no network.
        """
        self.manifest = manifest
        try:
            self._session = open_session(data, threads=1)
        except DAMAGE as error:
            raise _broken(manifest) from error

    def run(
        self,
        tensors: Sequence[str],
        images: NDArray[np.float32],
        inputs: Mapping[str, NDArray[np.float32]] = MappingProxyType({}),
    ) -> Mapping[str, NDArray[np.float32]]:
        """The values of some tensors.

        Args:
            tensors: their names.
            images: float32, shape (n, height, width, channels), values in [0, 1].
            inputs: of what was added to the network, by name.

        Raises:
            ArtifactCorrupt: the network does not run, or has no such tensors.
        """
        names = list(dict.fromkeys(tensors))
        try:
            return dict(zip(names, self._session.run(names, {INPUT_TENSOR: images, **inputs}), strict=True))
        except DAMAGE as error:
            raise _broken(self.manifest) from error


@dataclass(frozen=True)
class _Key:
    model: str
    version: int
    tail: str


class InsideSessions:
    """The networks that are open to look inside."""

    def __init__(self, store: ModelStore, budget_bytes: int) -> None:
        """Begin with nothing open, and no thread.

        Args:
            store: where the networks are.
            budget_bytes: of all open networks together; a single larger one is opened alone.
        """
        self._store = store
        self._budget_bytes = budget_bytes
        self._open: OrderedDict[_Key, tuple[InsideSession, int]] = OrderedDict()  # the one used last at the end
        self._thread = ThreadPoolExecutor(1, "inside", initializer=_lower_priority)
        self._lock = threading.Lock()
        self._n_waiting = 0
        self._usual_s = 0.0

    async def run(self, work: Callable[[], T]) -> T:
        """Do some work in the thread, in turn.

        Args:
            work: may call `session`.

        Raises:
            Overloaded: too much waits already.
            ClientLeft: the client disconnected before it began.
        """
        if self._n_waiting >= MOST_WAITING:
            raise Overloaded(max(1, math.ceil(self._n_waiting * self._usual_s)))
        self._n_waiting += 1
        try:
            return await while_client_stays(self._run(work))
        finally:
            self._n_waiting -= 1

    def session(self, manifest: Manifest, tail: str, extended: Callable[[bytes], bytes]) -> InsideSession:
        """An open network; to be called in the thread.

        Args:
            manifest: the version.
            tail: names what is added to its network.
            extended: adds it to the ONNX file.

        Raises:
            ArtifactCorrupt, StoreUnavailable: the network cannot be opened.
        """
        key = _Key(manifest.model, manifest.version, tail)
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
                return self._open[key][0]
        if ONNX_FILE not in manifest.files:
            raise ArtifactCorrupt(manifest.model, manifest.version, ONNX_FILE)
        n_bytes = round(MEMORY_PER_FILE_BYTE * manifest.files[ONNX_FILE].size_bytes)
        self._make_room(n_bytes)
        data = self._store.read(manifest.model, manifest.version, ONNX_FILE)
        session = InsideSession(manifest, extended(data))
        with self._lock:
            self._open[key] = (session, n_bytes)
        return session

    def forget(self, model: str, version: int | None = None) -> None:
        """Close what is open of one version, or of all versions of a model."""
        with self._lock:
            for key in [key for key in self._open if key.model == model and version in (None, key.version)]:
                del self._open[key]

    @property
    def n_open(self) -> int:
        """How many networks are open."""
        return len(self._open)

    def close(self) -> None:
        """Stop the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._timed, work)

    def _timed(self, work: Callable[[], T]) -> T:
        began_at = time.perf_counter()
        try:
            return work()
        finally:
            self._usual_s += _WEIGHT_OF_NEWEST * (time.perf_counter() - began_at - self._usual_s)

    def _make_room(self, n_bytes: int) -> None:
        with self._lock:
            while self._open and (len(self._open) >= MOST_OPEN or self._taken_bytes() + n_bytes > self._budget_bytes):
                self._open.popitem(last=False)

    def _taken_bytes(self) -> int:
        return sum(n_bytes for _, n_bytes in self._open.values())


def _broken(manifest: Manifest) -> ArtifactCorrupt:
    return ArtifactCorrupt(manifest.model, manifest.version, ONNX_FILE, "it does not run")


def _lower_priority() -> None:
    """On Linux, niceness belongs to a thread."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
