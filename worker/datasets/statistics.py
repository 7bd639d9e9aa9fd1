"""Exact mean and standard deviation of each channel, over any number of pictures, in little memory."""

import math

import numpy as np
from numpy.typing import NDArray


class ChannelStatistics:
    """Sums over pictures in whole numbers, so that neither their order nor their number affects the precision."""

    def __init__(self, n_channels: int) -> None:
        self._n = 0
        self._sums = np.zeros(n_channels, dtype=np.uint64)
        self._squares = np.zeros(n_channels, dtype=np.uint64)

    def add(self, images: NDArray[np.uint8]) -> None:
        """Add pictures: uint8, shape (n, height, width, channels), values 0-255."""
        self._n += images.shape[0] * images.shape[1] * images.shape[2]
        self._sums += images.sum(axis=(0, 1, 2), dtype=np.uint64)
        self._squares += np.square(images, dtype=np.uint32).sum(axis=(0, 1, 2), dtype=np.uint64)

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of each channel, pixels scaled to [0, 1]."""
        return tuple(round(int(total) / (255 * self._n), 6) for total in self._sums)

    @property
    def deviation(self) -> tuple[float, ...]:
        """Standard deviation of each channel, pixels scaled to [0, 1]."""
        pairs = zip(map(int, self._sums), map(int, self._squares), strict=True)
        return tuple(round(math.sqrt(self._n * squares - total**2) / (255 * self._n), 6) for total, squares in pairs)
