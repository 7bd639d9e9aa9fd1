"""The probability from which a network's answers are right often enough to be given without a warning."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PRECISION = 0.95
"""Share of the answers above the threshold that are to be right."""
FEWEST = 50
"""With fewer pictures above it, a threshold would be chance."""


class Sureness(NamedTuple):
    """Where a network becomes sure.

    Attributes:
        least: the lowest probability of an answer that is given.
        share: share of the pictures that get an answer.
    """

    least: float
    share: float


def sureness(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64], precision: float = PRECISION
) -> Sureness | None:
    """The lowest threshold with this precision; None when there is none.

    Args:
        probabilities: shape (n, n_classes), of pictures that the network was not trained on.
        labels: shape (n,), the right classes.
        precision: share of right answers among those at the threshold or above it.
    """
    answers = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    n_right = np.cumsum((answers == labels)[order])
    n_answered = np.arange(1, len(order) + 1)
    # A threshold cannot tell equal probabilities apart: only the last of a run counts.
    is_last = np.append(np.diff(confidence[order]) != 0, True)
    fits = np.flatnonzero(is_last & (n_right >= precision * n_answered) & (n_answered >= FEWEST))
    if not len(fits):
        return None
    last = int(fits[-1])
    if last + 1 == len(order):
        return Sureness(0.0, 1.0)
    return Sureness(float(confidence[order][last]), (last + 1) / len(order))
