"""A training as a film strip: what the network looked like and answered after a few epochs. The content of `film.json`.

Not here: recording it (`worker.training.film_recorder`) and drawing it (`worker.training.film_strip`).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

PICTURES = 12
MOST_KERNELS = 32

Kernel = tuple[tuple[tuple[float, ...], ...], ...]


class FilmPicture(BaseModel, defer_build=True):
    """One picture that the network was shown in every frame."""

    model_config = ConfigDict(frozen=True)

    index: int = Field(description="Index of the picture in the test split, from 0.")
    label: str = Field(description="The picture's class.")
    probabilities: tuple[tuple[float, ...], ...] = Field(description="By frame, then by class.")


class Film(BaseModel, defer_build=True):
    """Frames of one training, in the order of their epochs.

    The pictures are of the test split, one of each class first; they are only shown. The confusion matrix is of
    validation pictures.
    """

    model_config = ConfigDict(frozen=True)

    epochs: tuple[int, ...] = Field(
        description="After 0, 1, 2, 5, 10, 20, 50 … epochs, and after the published one. A training that was "
        "interrupted has only the frames since then.",
        examples=[[0, 1, 2, 5, 10]],
    )
    kernels: tuple[tuple[Kernel, ...], ...] = Field(
        description=f"The first {MOST_KERNELS} kernels of the first convolution: by frame, kernel, row, column and "
        "channel. Empty for a network without a convolution."
    )
    pictures: tuple[FilmPicture, ...]
    confusion: tuple[tuple[tuple[int, ...], ...], ...] = Field(
        description="By frame: rows are true classes, columns predicted ones."
    )
    classes: tuple[str, ...] = Field(description="Labels in the order of the probabilities.")


def is_filmed(epoch: int) -> bool:
    """Whether the state after so many epochs is a frame: 0, and 1, 2 or 5 times a power of ten."""
    while epoch and epoch % 10 == 0:
        epoch //= 10
    return epoch in (0, 1, 2, 5)


def frames_within(epochs: int) -> int:
    """How many frames a training of so many epochs has at most, the last epoch included."""
    return sum(is_filmed(epoch) for epoch in range(epochs + 1)) + (not is_filmed(epochs))


def pictures_shown(labels: NDArray[np.int64]) -> list[int]:
    """Indices of the pictures to show: the first of each class, then the second of each, and so on.

    Args:
        labels: int64, shape (n,), of the test split.
    """
    seen: dict[int, int] = {}
    ranks = []
    for index, label in enumerate(labels.tolist()):
        rank = seen[label] = seen.get(label, -1) + 1
        if rank < PICTURES:
            ranks.append((rank, label, index))
    return [index for _, _, index in sorted(ranks)[:PICTURES]]


def rounded(values: Sequence[float]) -> tuple[float, ...]:
    """Numbers with as many digits as a picture can show."""
    return tuple(float(f"{value:.4g}") for value in values)
