"""Sets of classes that contain the right one with a promised probability: split conformal prediction, adaptive.

The score of a class is its *tail mass*: the probability of this class and of all less probable ones together. A set has
the most probable class, and every other one whose tail mass reaches a threshold: the most probable classes, one after
the other, until what is left is unlikely enough. Difficult pictures so get larger sets, and no set is empty.

This is the score of Romano, Sesia and Candès ("Classification with Valid and Adaptive Coverage", NeurIPS 2020), counted
from the other end and without its random term, which only mattered for the most probable class. Counted from the top,
the scores of a confident network would all be 1 in float32; small tails keep their digits.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ALL_CLASSES = 0.0
"""The threshold that every class reaches."""


def tail_masses(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """The tail mass of every class.

    Args:
        probabilities: shape (n, n_classes), rows sum to 1.

    Returns:
        float64, same shape; the most probable class of a row has about 1. Of equally probable classes, the first one
        counts as the more probable.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranked = np.take_along_axis(probabilities.astype(np.float64), order, axis=1)
    tails = ranked[:, ::-1].cumsum(axis=1)[:, ::-1]
    masses = np.empty_like(tails)
    np.put_along_axis(masses, order, tails, axis=1)
    return masses


def scores_of_mistakes(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """The tail masses of the right classes where the network is wrong, ascending.

    Those of right answers need not be kept: they are the highest, and their classes are in every set.

    Args:
        probabilities: shape (n, n_classes), of pictures that the network was not trained on.
        labels: shape (n,), the right classes.
    """
    wrong = probabilities.argmax(axis=1) != labels
    masses = tail_masses(probabilities[wrong])
    return np.sort(masses[np.arange(len(masses)), labels[wrong]])


def threshold(mistakes: Sequence[float], n_pictures: int, coverage: float) -> float:
    """The tail mass that a class needs to be in a set.

    Args:
        mistakes: the scores of the mistakes, ascending.
        n_pictures: pictures in all, mistakes or not.
        coverage: share of sets that are to contain the right class, above 0 and below 1.

    Returns:
        `ALL_CLASSES` when there are too few pictures to promise this coverage with smaller sets; infinity when the most
        probable class alone is enough.
    """
    # Of n + 1 pictures, this one included, all orders of scores are equally likely.
    rank = math.floor((n_pictures + 1) * (1 - coverage) + 1e-9)
    if rank == 0:
        return ALL_CLASSES
    return mistakes[rank - 1] if rank <= len(mistakes) else math.inf


def members_of_sets(probabilities: NDArray[np.floating], least: float) -> NDArray[np.bool_]:
    """Which classes are in the set of each picture.

    Args:
        probabilities: shape (n, n_classes).
        least: the threshold.

    Returns:
        Shape (n, n_classes).
    """
    members = tail_masses(probabilities) >= least
    if len(members):
        members[np.arange(len(members)), probabilities.argmax(axis=1)] = True
    return members


def classes_of_sets(probabilities: NDArray[np.floating], least: float) -> list[list[int]]:
    """The set of each picture: indices of classes, the most probable first.

    Args:
        probabilities: shape (n, n_classes).
        least: the threshold.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    sizes = members_of_sets(probabilities, least).sum(axis=1)
    return [row[:size].tolist() for row, size in zip(order, sizes, strict=True)]
