"""The threshold from which answers are right often enough."""

import numpy as np
from numpy.typing import NDArray

from worker.trust.precision import Sureness, sureness


def answers(confidences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two classes, of which the first is the more probable one."""
    return np.stack([confidences, 1 - confidences], axis=1)


def test_answers_above_the_threshold_are_right_often_enough_and_no_lower_one_would_do() -> None:
    random = np.random.default_rng(0)
    confidences = random.uniform(0.5, 1, 4000)
    labels = (random.uniform(size=4000) > confidences).astype(np.int64)  # right as often as it says
    found = sureness(answers(confidences), labels)
    assert found is not None
    given = confidences >= found.least
    assert (labels[given] == 0).mean() >= 0.95
    assert found.share == given.mean()
    assert 0.85 < found.least < 0.95  # the mean of what lies above it is 0.95


def test_a_good_network_is_always_sure() -> None:
    assert sureness(answers(np.full(100, 0.9)), np.zeros(100, np.int64)) == Sureness(0.0, 1.0)


def test_there_may_be_no_such_threshold() -> None:
    assert sureness(answers(np.linspace(0.6, 0.9, 200)), np.tile([0, 1], 100)) is None
    assert sureness(answers(np.full(20, 0.9)), np.zeros(20, np.int64)) is None  # too few pictures
