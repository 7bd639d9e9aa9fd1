"""Notices when the pictures that a version is asked about, taken together, are no longer like those it knows.

Each answer already says whether its own picture is unusual. This module compares the distribution of the last 200
scores with that of the held-out pictures, which the version has recorded as quantiles, by the largest distance between
the two (the Kolmogorov-Smirnov statistic).
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

N_ANSWERS = 200
COMPARED_EVERY = 50
SHIFTED_FROM, USUAL_BELOW = 0.25, 0.2
"""Of looks at 200 pictures like the held-out ones, one in four million reaches 0.2 and one in thirty billion 0.25.
Between the two nothing is said, so that the log does not flicker."""


class InputWatch:
    """The scores of the last answers of one version."""

    def __init__(self, model: str, version: int, usual: Sequence[float], on_look: Callable[[str, float], None]) -> None:
        """Start without answers.

        Args:
            model: name of the model.
            version: its number.
            usual: scores of held-out pictures, at equal steps of their distribution, ascending.
            on_look: called with the model and the distance after every comparison.
        """
        self._name = (model, version)
        self._usual = np.asarray(usual)
        self._on_look = on_look
        self._scores: deque[float] = deque(maxlen=N_ANSWERS)
        self._n_new = 0
        self._is_shifted = False

    def see(self, scores: Sequence[float]) -> None:
        """Note the scores of some answers; costs a microsecond, and forty at every fiftieth answer."""
        self._scores.extend(scores)
        self._n_new += len(scores)
        if self._n_new >= COMPARED_EVERY and len(self._scores) == N_ANSWERS:
            self._n_new = 0
            self._look()

    def _look(self) -> None:
        distance = distance_from(self._usual, list(self._scores))
        model, version = self._name
        self._on_look(model, distance)
        if not self._is_shifted and distance >= SHIFTED_FROM:
            self._is_shifted = True
            logger.warning(
                "version %d of model %s gets pictures that are unlike those it was trained on: the last %d scores are "
                "%.2f away from those of held-out pictures",
                version,
                model,
                N_ANSWERS,
                distance,
            )
        elif self._is_shifted and distance < USUAL_BELOW:
            self._is_shifted = False
            logger.info("version %d of model %s gets pictures like those it was trained on again", version, model)


def distance_from(usual: NDArray[np.float64], scores: Sequence[float]) -> float:
    """The largest difference between two distributions, at the quantiles of the first one.

    Args:
        usual: the first one, at equal steps, ascending.
        scores: numbers of the second one.
    """
    shares = np.searchsorted(np.sort(scores), usual, side="right") / len(scores)
    expected = np.arange(1, len(usual) + 1) / (len(usual) + 1)
    return float(np.abs(shares - expected).max())
