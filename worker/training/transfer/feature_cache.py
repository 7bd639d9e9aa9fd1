"""Keeps features of pictures in files, so that another head on the same pictures needs no backbone.

Each file holds the features of some rows of one split. Its name is a hash over everything that features depend on:
pictures, network, weights, number format. The directory can be deleted at any time.
"""

import hashlib
import json
import logging
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from model_store.free_space import has_space_for

logger = logging.getLogger(__name__)

FOLDER = "features"
MAX_BYTES = 4_000_000_000
"""Of all files together; those that were used longest ago are removed first."""


@dataclass(frozen=True)
class KnownFeatures:
    """Features of some rows of a split.

    Attributes:
        rows: int64, shape (n,), in rising order.
        features: float32, shape (n, width).
    """

    rows: NDArray[np.int64]
    features: NDArray[np.float32]


class FeatureCache:
    """Files of features in a directory.

    Args:
        folder: is created when it is needed.
        min_free_bytes: space on its disk that stays free.
    """

    def __init__(self, folder: Path, min_free_bytes: int = 0) -> None:
        self._folder = folder
        self._min_free_bytes = min_free_bytes

    def load(self, facts: Mapping[str, object], width: int) -> KnownFeatures:
        """What is known under these facts; nothing if there is no file, or a damaged one."""
        path = self._path(facts)
        with suppress(OSError, ValueError, KeyError, zipfile.BadZipFile):
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                known = KnownFeatures(arrays["rows"], arrays["features"])
            if known.features.shape == (len(known.rows), width):
                path.touch()
                return known
        return KnownFeatures(np.empty(0, np.int64), np.empty((0, width), np.float32))

    def save(self, facts: Mapping[str, object], known: KnownFeatures) -> None:
        """Replace the file of these facts; a full disk only costs the saved time."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            needed = known.features.nbytes + known.rows.nbytes
            self._make_space(needed)
            if needed > MAX_BYTES or not has_space_for(self._folder, needed, self._min_free_bytes):
                return
            with TemporaryDirectory(dir=self._folder) as staging:
                staged = Path(staging) / "features.npz"
                np.savez(staged, rows=known.rows, features=known.features)
                staged.replace(self._path(facts))
        except OSError as error:
            logger.warning("features are not kept: %s", error)

    def _path(self, facts: Mapping[str, object]) -> Path:
        name = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return self._folder / f"{name}.npz"

    def _make_space(self, needed: int) -> None:
        found = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in self._folder.glob("*.npz"))
        total = needed + sum(size for _, size, _ in found)
        for _, size, path in found:
            if total <= MAX_BYTES:
                return
            path.unlink(missing_ok=True)
            total -= size
