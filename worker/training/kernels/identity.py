"""Filters that pass channels on unchanged, so that a deep network begins with a signal that survives it."""

import numpy as np
from numpy.typing import NDArray


def with_identity(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """A copy of a kernel whose first filters each pass one channel on.

    Args:
        kernel: float32, shape (height, width, channels, filters), drawn at random. Filters beyond the number of
            channels stay as they are.
    """
    height, width, channels, filters = kernel.shape
    passing = min(channels, filters)
    changed = kernel.copy()
    changed[..., :passing] = 0
    changed[(height - 1) // 2, (width - 1) // 2, range(passing), range(passing)] = 1
    return changed
