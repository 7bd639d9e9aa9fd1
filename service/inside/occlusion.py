"""Why an answer, by trial: a patch covers one place of the picture after the other, and the probability drops or not.

It asks the network itself, and needs nothing from the inside. Arrays only; the caller runs the network.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Classify = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From pictures, float32, shape (n, height, width, channels), to probabilities, shape (n, n_classes)."""

GRID = 14
"""The stride is the shorter side divided by this."""
PATCH_STRIDES = 3
"""Side of the patch, in strides: it covers a part of an object, and neighbouring places overlap."""
MOST_PLACES = 1024
AT_ONCE = 32
EMPTY_BELOW = 1e-4
"""Where no place lowers the probability by as much, there is no evidence."""


@dataclass(frozen=True)
class Patch:
    """The square that covers a place.

    Attributes:
        side: in pixels.
        stride: from one place to the next, in pixels.
        fill: a value in [0, 1] for each channel.
    """

    side: int
    stride: int
    fill: tuple[float, ...]

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the places in a picture; the patch is always inside."""
        return (height - self.side) // self.stride + 1, (width - self.side) // self.stride + 1


def usual_stride(height: int, width: int) -> int:
    """The stride for pictures of this size: about 12 places in a row."""
    return max(1, min(height, width) // GRID)


def usual_side(height: int, width: int, stride: int) -> int:
    """The side of the patch for this stride."""
    return min(PATCH_STRIDES * stride, height, width)


def occlusion(
    classify: Classify, image: NDArray[np.float32], class_index: int, probability: float, patch: Patch
) -> NDArray[np.float64]:
    """How much the probability of a class drops when each place is covered; negative where it rises.

    Args:
        classify: asks the network.
        image: float32, shape (height, width, channels), values in [0, 1].
        class_index: the class.
        probability: of that class for the whole picture.
        patch: covers.

    Returns:
        Shape `patch.grid(height, width)`; the place in row r and column c begins at pixel (r, c) times the stride.
    """
    drops = [probability - classify(covered)[:, class_index].astype(np.float64) for covered in _covered(image, patch)]
    return np.concatenate(drops).reshape(patch.grid(*image.shape[:2]))


def _covered(image: NDArray[np.float32], patch: Patch) -> Iterator[NDArray[np.float32]]:
    """The picture with every place covered, in batches."""
    rows, columns = patch.grid(*image.shape[:2])
    places = [(row * patch.stride, column * patch.stride) for row in range(rows) for column in range(columns)]
    for start in range(0, len(places), AT_ONCE):
        batch = places[start : start + AT_ONCE]
        pictures = np.repeat(image[np.newaxis], len(batch), axis=0)
        for picture, (top, left) in zip(pictures, batch, strict=True):
            picture[top : top + patch.side, left : left + patch.side] = patch.fill
        yield pictures


def per_pixel(grid: NDArray[np.float64], patch: Patch, height: int, width: int) -> NDArray[np.float64]:
    """For each pixel the mean over the patches that cover it; pixels that none covers get 0."""
    total, n_patches = np.zeros((height, width)), np.zeros((height, width))
    for (row, column), drop in np.ndenumerate(grid):
        top, left = row * patch.stride, column * patch.stride
        total[top : top + patch.side, left : left + patch.side] += drop
        n_patches[top : top + patch.side, left : left + patch.side] += 1
    return np.divide(total, n_patches, out=np.zeros_like(total), where=n_patches > 0)
