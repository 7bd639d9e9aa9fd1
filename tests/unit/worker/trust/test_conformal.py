"""Conformal sets: what they contain, how large they are, and that they keep their promise."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from worker.trust.conformal import ALL_CLASSES, classes_of_sets, scores_of_mistakes, tail_masses, threshold

RANDOM = np.random.default_rng(3)


def network(n: int, sharpness: float) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Probabilities of ten classes and labels; an overconfident network when the sharpness is high."""
    labels = RANDOM.integers(0, 10, n)
    logits = RANDOM.normal(size=(n, 10)) * 1.5
    logits[np.arange(n), labels] += 2.5
    logits *= sharpness
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (exponents / exponents.sum(axis=1, keepdims=True)).astype(np.float32), labels


def test_the_tail_mass_is_the_probability_of_a_class_and_of_all_less_probable_ones() -> None:
    found = tail_masses(np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]], np.float32))
    assert np.allclose(found, [[0.2, 1.0, 0.5], [1.0, 0.6, 0.2]])


def test_small_tails_keep_their_digits() -> None:
    masses = tail_masses(np.array([[1.0, 1e-12, 1e-20]], np.float32))
    assert masses[0].tolist() == pytest.approx([1.0, 1e-12, 1e-20], rel=1e-5)


@pytest.mark.parametrize("sharpness", [0.5, 1, 20])
@pytest.mark.parametrize("coverage", [0.9, 0.95])
def test_sets_contain_the_right_class_as_often_as_promised(sharpness: float, coverage: float) -> None:
    probabilities, labels = network(40_000, sharpness)
    found = []
    for number in range(20):
        calibrate, check = np.split(np.random.default_rng(number).permutation(40_000)[:20_000], 2)
        mistakes = scores_of_mistakes(probabilities[calibrate], labels[calibrate])
        sets = classes_of_sets(probabilities[check], threshold(mistakes.tolist(), len(calibrate), coverage))
        found.append(np.mean([label in chosen for label, chosen in zip(labels[check], sets, strict=True)]))
        assert min(map(len, sets)) == 1
    assert np.mean(found) == pytest.approx(coverage, abs=0.004)
    assert np.abs(np.array(found) - coverage).max() < 0.01


def test_a_difficult_picture_gets_a_larger_set_and_the_most_probable_class_is_first() -> None:
    sets = classes_of_sets(np.array([[0.97, 0.02, 0.01], [0.3, 0.36, 0.34], [0.05, 0.8, 0.15]], np.float32), 0.15)
    assert sets == [[0], [1, 2, 0], [1, 2]]


@pytest.mark.parametrize(
    ("n_pictures", "coverage", "expected"),
    [
        (18, 0.95, ALL_CLASSES),  # too few: one in nineteen is more than five percent
        (19, 0.95, 0.1),
        (39, 0.95, 0.2),
        (100, 0.95, math.inf),  # fewer mistakes than allowed
    ],
)
def test_the_threshold_is_a_rank_among_all_pictures(n_pictures: int, coverage: float, expected: float) -> None:
    assert threshold([0.1, 0.2, 0.3], n_pictures, coverage) == expected


def test_without_a_promise_to_keep_every_class_is_in_the_set_and_with_an_easy_one_only_the_first() -> None:
    row = np.array([[0.2, 0.5, 0.3]], np.float32)
    assert classes_of_sets(row, ALL_CLASSES) == [[1, 2, 0]]
    assert classes_of_sets(row, math.inf) == [[1]]
