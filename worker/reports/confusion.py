"""Counts which classes a network takes for which. Takes arrays, returns numbers."""

import numpy as np
from numpy.typing import NDArray


def confusion_of(labels: NDArray[np.int64], answers: NDArray[np.int64], n_classes: int) -> tuple[tuple[int, ...], ...]:
    """The confusion matrix of some answers.

    Args:
        labels: int64, shape (n,), the true classes.
        answers: int64, shape (n,), the predicted ones.
        n_classes: number of classes.
    """
    matrix = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(matrix, (labels, answers), 1)
    return tuple(tuple(row) for row in matrix.tolist())
