"""Computes the features of pictures with a backbone, once for each picture; tells its progress and can be paused."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from worker.jobs.errors import TrainingPaused
from worker.pictures.pixels import to_unit_range
from worker.training.augmentation import Augmenter
from worker.training.network import pictures_at_once
from worker.training.transfer.feature_cache import FeatureCache, KnownFeatures

SAVE_EVERY_S = 30.0

Pictures = NDArray[np.uint8]
Features = NDArray[np.float32]


@dataclass(frozen=True)
class Wanted:
    """Features to compute.

    Attributes:
        images: uint8, shape (n, height, width, channels), a whole split.
        rows: int64, shape (k,), rows of the split.
        facts: what distinguishes these features from others, as JSON: the split, and how pictures are changed.
        augmenter: changes the pictures before; None for the pictures as they are.
        seed: of these changes.
    """

    images: Pictures
    rows: NDArray[np.int64]
    facts: Mapping[str, object]
    augmenter: Augmenter | None = None
    seed: int = 0


class FeatureMaker:
    """A backbone with a cache.

    Args:
        backbone: from pictures to features.
        cache: keeps what was computed.
        facts: what all features of this backbone depend on, as JSON.
        on_progress: called with the number of pictures that are done since the last call.
        is_pause_asked: returns True when the work must be saved and ended.
    """

    def __init__(
        self,
        backbone: keras.Model,
        cache: FeatureCache,
        facts: Mapping[str, object],
        on_progress: Callable[[int], None],
        is_pause_asked: Callable[[], bool],
    ) -> None:
        self._backbone = backbone
        self._cache = cache
        self._facts = facts
        self._on_progress = on_progress
        self._is_pause_asked = is_pause_asked
        self._width = int(backbone.output_shape[-1])
        self._at_once = pictures_at_once(backbone)

    def features(self, wanted: Wanted) -> Features:
        """Features in the order of the wanted rows: float32, shape (k, width).

        Raises:
            TrainingPaused: it was asked to stop, and has kept what was computed.
        """
        facts = dict(self._facts) | dict(wanted.facts)
        known = self._cache.load(facts, self._width)
        missing = np.setdiff1d(wanted.rows, known.rows)
        self._on_progress(len(wanted.rows) - len(missing))
        if len(missing):
            known = self._completed(known, missing, wanted, facts)
        return known.features[np.searchsorted(known.rows, wanted.rows)]

    def _completed(
        self, known: KnownFeatures, missing: NDArray[np.int64], wanted: Wanted, facts: Mapping[str, object]
    ) -> KnownFeatures:
        computed = np.empty((len(missing), self._width), np.float32)
        saved_at = time.monotonic()
        for start in range(0, len(missing), self._at_once):
            rows = missing[start : start + self._at_once]
            end = start + len(rows)
            computed[start:end] = self._compute(rows, wanted)
            self._on_progress(len(rows))
            is_pause_asked = end < len(missing) and self._is_pause_asked()
            if is_pause_asked or end == len(missing) or time.monotonic() - saved_at > SAVE_EVERY_S:
                self._cache.save(facts, _joined(known, missing[:end], computed[:end]))
                saved_at = time.monotonic()
            if is_pause_asked:
                raise TrainingPaused
        return _joined(known, missing, computed)

    def _compute(self, rows: NDArray[np.int64], wanted: Wanted) -> Features:
        """Features of a batch. The last batch is filled up, since TensorFlow traces a network for every new shape."""
        images = wanted.images[rows]
        random = np.random.default_rng((wanted.seed, int(rows[0])))
        if wanted.augmenter is not None:
            images = wanted.augmenter.change_geometry(images, random)
        inputs = to_unit_range(images)
        if wanted.augmenter is not None:
            wanted.augmenter.change_light(inputs, random)
        filled = np.resize(inputs, (self._at_once, *inputs.shape[1:]))
        return np.asarray(self._backbone.predict_on_batch(filled), np.float32)[: len(rows)]


def _joined(known: KnownFeatures, rows: NDArray[np.int64], features: Features) -> KnownFeatures:
    all_rows = np.concatenate([known.rows, rows])
    order = np.argsort(all_rows)
    return KnownFeatures(all_rows[order], np.concatenate([known.features, features])[order])
