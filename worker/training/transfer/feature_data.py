"""The training data of a head: features instead of pictures."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from worker.training.feeding import Arrays

CHUNK_ROWS = 4096


class FeatureData:
    """Features of the training pictures, in an order that depends only on the seed and the epoch.

    Args:
        copies: float32, shape (copies, n, width): the pictures as they are, then each augmented copy. An epoch uses one
            copy, the next epoch the next one.
        labels: int64, shape (n,).
        targets: float32, shape (n_classes, n_classes), the target of each label.
        weights: float32, shape (n_classes,), the loss weight of each label; None when all are equal.
        batch_size: pictures per batch.
        seed: of the order.
    """

    def __init__(
        self,
        copies: NDArray[np.float32],
        labels: NDArray[np.int64],
        targets: NDArray[np.float32],
        weights: NDArray[np.float32] | None,
        *,
        batch_size: int,
        seed: int,
    ) -> None:
        self._copies = copies
        self._labels = labels
        self._targets = targets
        self._weights = weights
        self._seed = seed
        self.batch_size = batch_size

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches per epoch; the last batch may be smaller."""
        return math.ceil(len(self) / self.batch_size)

    @property
    def row_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of one picture's features, one target and, if there are weights, one weight."""
        shapes: tuple[tuple[int, ...], ...] = (self._copies.shape[2:], self._targets.shape[1:])
        return shapes if self._weights is None else (*shapes, ())

    def epoch(self, number: int, first_step: int = 0) -> Iterator[Arrays]:
        """One epoch in chunks of complete batches: features, targets and, if there are any, weights."""
        order = np.random.default_rng((self._seed, number)).permutation(len(self))[first_step * self.batch_size :]
        features = self._copies[number % len(self._copies)]
        chunk = self.batch_size * max(1, CHUNK_ROWS // self.batch_size)
        for start in range(0, len(order), chunk):
            rows = order[start : start + chunk]
            labels = self._labels[rows]
            arrays = (features[rows], self._targets[labels])
            yield arrays if self._weights is None else (*arrays, self._weights[labels])
