"""What channels do on real pictures: which never change, which do the same, and how often each is active."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAME = 1e-6
"""A channel whose values all lie this close together, relative to its layer's largest value, tells nothing."""
TWIN_CORRELATION = 0.99
MOST_TWINS = 100
MOST_COMPARED = 1024
"""Channels of a layer: with more, comparing each with each would take long."""
POSITIONS = 7
"""Rows and columns of each map that are compared."""


@dataclass(frozen=True)
class Activity:
    """What the channels of one layer do.

    Attributes:
        dead: those that gave the same value everywhere, on every picture.
        twins: pairs whose values correlate by more than 0.99, the most similar first.
        share_active: of each, the share of values above 0.
    """

    dead: tuple[int, ...]
    twins: tuple[tuple[int, int], ...]
    share_active: tuple[float, ...]


class ActivityMeter:
    """Sums over batches of one layer's output, in little memory."""

    def __init__(self, n_channels: int) -> None:
        self._least = np.full(n_channels, np.inf)
        self._most = np.full(n_channels, -np.inf)
        self._n_active = np.zeros(n_channels)
        self._n_values = 0
        self._n_compared = 0
        n_compared = n_channels if n_channels <= MOST_COMPARED else 0
        self._sums = np.zeros(n_compared)
        self._products = np.zeros((n_compared, n_compared))

    def add(self, outputs: NDArray[np.float32]) -> None:
        """Add a batch: shape (n, height, width, channels) or (n, channels)."""
        rows = outputs.reshape(-1, outputs.shape[-1])
        self._least = np.minimum(self._least, rows.min(axis=0))
        self._most = np.maximum(self._most, rows.max(axis=0))
        self._n_active += (rows > 0).sum(axis=0)
        self._n_values += len(rows)
        if len(self._sums):
            compared = _some_positions(outputs)
            self._sums += compared.sum(axis=0, dtype=np.float64)
            self._products += compared.T @ compared
            self._n_compared += len(compared)

    def activity(self) -> Activity:
        """What was seen."""
        largest = max(np.abs(self._least).max(), np.abs(self._most).max(), np.finfo(float).tiny)
        is_dead = (self._most - self._least) <= SAME * largest
        return Activity(
            dead=tuple(int(channel) for channel in np.flatnonzero(is_dead)),
            twins=self._twins(is_dead),
            share_active=tuple(round(float(share), 4) for share in self._n_active / max(1, self._n_values)),
        )

    def _twins(self, is_dead: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
        if not len(self._sums):
            return ()
        mean = self._sums / self._n_compared
        covariance = self._products / self._n_compared - np.outer(mean, mean)
        deviation = np.sqrt(np.maximum(covariance.diagonal(), 0))
        scale = np.outer(deviation, deviation)
        correlation = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > SAME**2)
        correlation[is_dead] = correlation[:, is_dead] = 0
        first, second = np.nonzero(np.triu(correlation > TWIN_CORRELATION, k=1))
        order = np.argsort(-correlation[first, second], kind="stable")[:MOST_TWINS]
        return tuple((int(first[at]), int(second[at])) for at in order)


def _some_positions(outputs: NDArray[np.float32]) -> NDArray[np.float64]:
    if outputs.ndim == 4:
        steps = [-(-side // POSITIONS) for side in outputs.shape[1:3]]
        outputs = outputs[:, :: steps[0], :: steps[1]]
    return outputs.reshape(-1, outputs.shape[-1]).astype(np.float64)
