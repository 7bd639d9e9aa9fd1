"""One published network in memory: opened, tried out, run. It measures how long batches take and predicts the next.

Knows ONNX Runtime, and nothing about requests, queues or other networks. Everything here blocks; callers choose the
thread.
"""

import json
import time
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from model_store import ArtifactCorrupt, Manifest
from worker.artifacts import INPUT_TENSOR, ONNX_FILE, OUTPUT_TENSOR, UNUSUAL_TENSOR, USUAL_SCORES
from worker.onnx_sessions import open_session
from worker.pictures.pixels import to_unit_range

WARM_UP_BATCH = 8
WARM_UP_LIMIT_S = 0.02
"""A network that takes longer for one picture is not tried with eight: batching does not make it faster."""
_WEIGHT_OF_NEWEST = 0.1
_LONGEST_SAMPLE = 4.0
"""A run that took more than this many times the expected time was interrupted, and counts as this much."""
DAMAGE: tuple[type[Exception], ...] = (
    ValueError,
    *(kind for kind in vars(ort_errors).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)
"""ONNX Runtime's errors have no common base class."""

Pixels = NDArray[np.uint8] | NDArray[np.float32]


def scaled(pixels: Pixels) -> NDArray[np.float32]:
    """Pixels as networks take them: uint8 scaled to [0, 1], float32 unchanged."""
    if pixels.dtype == np.uint8:
        return to_unit_range(cast(NDArray[np.uint8], pixels))
    return cast(NDArray[np.float32], pixels)


class Network:
    """A network that is ready to run.

    Attributes:
        manifest: the version it belongs to.
        usual_scores: of held-out pictures, at equal steps of their distribution; none when the network cannot tell
            unusual pictures.
    """

    usual_scores: tuple[float, ...] = ()

    def __init__(self, manifest: Manifest, data: bytes, threads: int, scorer: bytes | None = None) -> None:
        """Open it, and run it a few times, so that the first request is as fast as every other.

        Args:
            manifest: the version the file belongs to.
            data: the ONNX file.
            threads: threads for one batch.
            scorer: the ONNX file that tells unusual pictures, if the version has one.

        Raises:
            ArtifactCorrupt: the file holds no network, or another one than the version's.
        """
        self.manifest = manifest
        try:
            session = open_session(data, threads)
            scoring: Any = scorer and open_session(scorer, threads)
        except DAMAGE as error:
            raise _broken(manifest) from error
        if [node.name for node in session.get_inputs()] != [INPUT_TENSOR]:
            raise ArtifactCorrupt(manifest.model, manifest.version, ONNX_FILE)
        self._run_session = _run_of(session)
        self._run_scorer = scoring and _run_of(scoring)
        self.usual_scores = _usual_scores(scoring) if scoring else ()
        self._first_s, self._further_s = self._try_out()

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        """Classify one batch.

        Args:
            pixels: uint8 in 0-255 or float32 in [0, 1], shape (n, *manifest.input_shape).

        Returns:
            float32, shape (n, n_classes), rows sum to 1. Rows of float32 pixels outside [0, 1] may be anything.

        Raises:
            ArtifactCorrupt: the network does not run, or gives no finite numbers for valid pixels.
        """
        began_at = time.perf_counter()
        found = self._checked(scaled(pixels))
        self._learn(len(pixels), time.perf_counter() - began_at)
        return found

    def run_scored(self, pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Classify one batch, and tell how unusual each picture is; arguments and errors are those of `run`.

        Returns:
            What `run` returns; and float32, shape (n,), above 1 for unusual pictures, or None when the network cannot
            tell.
        """
        began_at = time.perf_counter()
        images = scaled(pixels)
        found = self._checked(images), self._scores(images)
        self._learn(len(pixels), time.perf_counter() - began_at)
        return found

    def answer(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Classify pictures beside the predictions: like `run`, but the time it takes is not learned from.

        Args:
            images: float32 in [0, 1], shape (n, *manifest.input_shape).
        """
        return self._checked(images)

    def expected_s(self, n_pictures: int) -> float:
        """Seconds that a batch is expected to take, from the batches so far."""
        return self._first_s + (n_pictures - 1) * self._further_s

    @property
    def picture_s(self) -> float:
        """Seconds that a picture adds to a batch."""
        return max(self._further_s, self._first_s / WARM_UP_BATCH)

    def pictures_within(self, seconds: float) -> int:
        """Pictures of the largest batch that is expected to take no longer; at least 1."""
        further = max(self._further_s, 1e-7)
        return max(1, 1 + int((seconds - self._first_s) / further))

    def _try_out(self) -> tuple[float, float]:
        shape = self.manifest.input_shape
        one, some = (np.zeros((n, *shape), np.uint8) for n in (1, WARM_UP_BATCH))
        self._checked(to_unit_range(one))
        first_s = min(self._seconds_of(one), self._seconds_of(one))
        if first_s > WARM_UP_LIMIT_S:
            return first_s, first_s
        some_s = min(self._seconds_of(some), self._seconds_of(some))
        return first_s, max(0.0, some_s - first_s) / (WARM_UP_BATCH - 1)

    def _seconds_of(self, pixels: NDArray[np.uint8]) -> float:
        began_at = time.perf_counter()
        images = to_unit_range(pixels)
        self._checked(images)
        self._scores(images)
        return time.perf_counter() - began_at

    def _learn(self, n_pictures: int, seconds: float) -> None:
        sample = min(seconds, _LONGEST_SAMPLE * self.expected_s(n_pictures))
        if n_pictures == 1:
            self._first_s += _WEIGHT_OF_NEWEST * (sample - self._first_s)
        else:
            further_s = max(0.0, sample - self._first_s) / (n_pictures - 1)
            self._further_s += _WEIGHT_OF_NEWEST * (further_s - self._further_s)

    def _scores(self, images: NDArray[np.float32]) -> NDArray[np.float32] | None:
        if self._run_scorer is None:
            return None
        try:
            scores: NDArray[np.float32] = self._run_scorer([UNUSUAL_TENSOR], {INPUT_TENSOR: images}, None)[0]
        except DAMAGE as error:
            raise _broken(self.manifest) from error
        return scores

    def _checked(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        manifest = self.manifest
        try:
            probabilities = self._run_session([OUTPUT_TENSOR], {INPUT_TENSOR: images}, None)[0]
        except DAMAGE as error:
            raise _broken(manifest) from error
        has_shape = probabilities.shape == (len(images), len(manifest.classes))
        if not has_shape or not _is_sound(probabilities, images):
            raise ArtifactCorrupt(manifest.model, manifest.version, ONNX_FILE)
        return np.asarray(probabilities, dtype=np.float32)


def _run_of(session: Any) -> Any:  # noqa: ANN401 - ONNX Runtime publishes no types
    """The session's `run`, without its checks in Python: they take 4 µs, and these calls pass them."""
    return getattr(session, "_sess", session).run


def _usual_scores(session: Any) -> tuple[float, ...]:  # noqa: ANN401 - ONNX Runtime publishes no types
    text = session.get_modelmeta().custom_metadata_map.get(USUAL_SCORES)
    return tuple(json.loads(text)) if text else ()


def _broken(manifest: Manifest) -> ArtifactCorrupt:
    return ArtifactCorrupt(manifest.model, manifest.version, ONNX_FILE, "it does not run")


def _is_sound(probabilities: NDArray[np.float32], scaled: NDArray[np.float32]) -> bool:
    """Whether every picture with pixels in [0, 1] has a finite answer; NaN is not in [0, 1]."""
    if np.isfinite(probabilities).all():
        return True
    strange = ~np.isfinite(probabilities).all(axis=1)
    pictures = scaled[strange].reshape(np.count_nonzero(strange), -1)
    return not ((pictures >= 0) & (pictures <= 1)).all(axis=1).any()
