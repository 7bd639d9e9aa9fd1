"""Filters that turn the patches of pictures into uncorrelated values of about unit variance.

They are the eigenvectors of the patches' covariance. An activation such as ReLU after them drops negative values, so
each eigenvector is there with both signs.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

LEAST_SHARE = 0.003
"""Added to every variance, as a share of their mean: directions that hardly vary would otherwise amplify noise."""
LEAST_VARIANCE = 1e-8  # pictures of a single colour have no variance at all


def whitening_filters(
    maps: NDArray[np.float32], kernel_size: tuple[int, int], filters: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernel and bias of a whitening convolution.

    Args:
        maps: float32, shape (n, height, width, channels), what the convolution sees; at least as large as a kernel.
        kernel_size: height and width of the kernel.
        filters: how many are wanted. The components that vary most come first, each with both signs; when there are
            more filters than that, they are repeated.

    Returns:
        float32, shape (*kernel_size, channels, filters), and float32, shape (filters,), with which the mean patch
        becomes zero.
    """
    mean, covariance = _patch_statistics(maps, kernel_size)
    variances, components = np.linalg.eigh(covariance)
    least = LEAST_SHARE * variances.mean() + LEAST_VARIANCE
    scaled = (components / np.sqrt(np.maximum(variances, 0) + least))[:, ::-1]
    both_signs = np.stack([scaled, -scaled], axis=-1).reshape(len(mean), -1)
    chosen = both_signs[:, np.arange(filters) % both_signs.shape[1]]
    kernel = chosen.reshape(*kernel_size, maps.shape[-1], filters)
    return kernel.astype(np.float32), (-mean @ chosen).astype(np.float32)


def _patch_statistics(
    maps: NDArray[np.float32], kernel_size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and covariance of all patches, each a vector in the order of a kernel's values."""
    windows = sliding_window_view(maps, kernel_size, axis=(1, 2))  # n, rows, columns, channels, height, width
    patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, kernel_size[0] * kernel_size[1] * maps.shape[-1])
    mean = patches.mean(axis=0, dtype=np.float64)
    centred = patches - mean.astype(np.float32)
    return mean, (centred.T @ centred).astype(np.float64) / len(patches)
