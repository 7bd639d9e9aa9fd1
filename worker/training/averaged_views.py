"""Test-time augmentation: a network's answer to a picture, averaged over several views of it.

The views and their weights are those of airbench94 (Jordan, 2024), which averages before the softmax. Here the
probabilities are averaged, so that any network whose last layer gives them can be asked.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import keras
import numpy as np
from numpy.typing import NDArray

from worker.recipe.options import TestTimeAugmentation
from worker.training.predicting import predict_pictures

Pictures = NDArray[np.uint8]
View = Callable[[Pictures], Pictures]


def mirrored(images: Pictures) -> Pictures:
    """The pictures, left to right.

    Args:
        images: uint8, shape (n, height, width, channels).
    """
    return images[:, :, ::-1]


def shifted(images: Pictures, rows: int, columns: int) -> Pictures:
    """The pictures moved down and to the right by so many pixels; the border shows them reflected.

    Args:
        images: uint8, shape (n, height, width, channels), at least one pixel larger than the move.
        rows: down; negative: up.
        columns: to the right; negative: to the left.

    Returns:
        uint8, the same shape.
    """
    height, width = images.shape[1:3]
    border = max(abs(rows), abs(columns))
    padded = np.pad(images, ((0, 0), (border, border), (border, border), (0, 0)), "reflect")
    top, left = border - rows, border - columns
    return padded[:, top : top + height, left : left + width]


def _up_left(images: Pictures) -> Pictures:
    return shifted(images, -1, -1)


def _down_right(images: Pictures) -> Pictures:
    return shifted(images, 1, 1)


VIEWS: Mapping[TestTimeAugmentation, Sequence[tuple[float, View]]] = MappingProxyType(
    {
        "none": (),
        "flip": ((1 / 2, mirrored),),
        "flip_and_shift": (
            (1 / 4, mirrored),
            (1 / 8, _up_left),
            (1 / 8, _down_right),
            (1 / 8, lambda images: mirrored(_up_left(images))),
            (1 / 8, lambda images: mirrored(_down_right(images))),
        ),
    }
)
"""Weights of the views besides the picture itself, which has what is left of 1."""


def averaged_over_views(
    network: keras.Model, images: Pictures, probabilities: NDArray[np.float32], kind: TestTimeAugmentation
) -> NDArray[np.float32]:
    """The network's probabilities, averaged over views of every picture.

    Args:
        network: from pictures to probabilities.
        images: uint8, shape (n, height, width, channels), n at least 1.
        probabilities: float32, shape (n, n_classes), its answers to the pictures themselves.
        kind: which views are averaged.

    Returns:
        float32, shape (n, n_classes), rows sum to 1.
    """
    views = VIEWS[kind]
    total = np.float32(1 - sum(weight for weight, _ in views)) * probabilities
    for weight, view in views:
        total += np.float32(weight) * predict_pictures(network, images, view)
    return total
