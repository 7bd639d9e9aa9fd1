"""What is recorded of a network's answers to pictures that it was not trained on. Needs no Keras, only the answers."""

import numpy as np
from numpy.typing import NDArray

from worker.trust.conformal import scores_of_mistakes
from worker.trust.precision import PRECISION, sureness
from worker.trust.record import TrustRecord

DIGITS = 6
"""Significant digits of a score: fewer bytes, and no set of 10,000 pictures depends on the seventh."""


def measured(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> TrustRecord:
    """The record of a network, from its answers to pictures that it was not trained on.

    Args:
        probabilities: float32, shape (n, n_classes), rows sum to 1.
        labels: int64, shape (n,), the right classes.
    """
    mistakes = scores_of_mistakes(probabilities, labels)
    sure = sureness(probabilities, labels)
    return TrustRecord(
        pictures=len(labels),
        accuracy=1 - len(mistakes) / len(labels),
        mistakes=tuple(float(f"{score:.{DIGITS}g}") for score in mistakes),
        precision=PRECISION,
        not_sure_below=None if sure is None else sure.least,
        answered=None if sure is None else sure.share,
    )
