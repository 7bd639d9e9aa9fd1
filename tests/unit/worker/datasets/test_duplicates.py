"""Pictures that occur in two splits are counted by their exact pixels."""

import numpy as np

from worker.datasets.duplicates import count_repeated


def test_equal_pixels_are_counted_and_nearly_equal_ones_are_not() -> None:
    first = np.random.default_rng(1).integers(0, 255, (50, 8, 8, 3), dtype=np.uint8)
    second = first[:20].copy()
    second[:5, 0, 0, 0] += 1
    assert count_repeated(first, second) == 15
    assert count_repeated(second, first[20:]) == 0


def test_a_picture_that_is_repeated_within_a_split_counts_each_time() -> None:
    picture = np.zeros((1, 4, 4, 1), np.uint8)
    assert count_repeated(picture, picture.repeat(3, axis=0)) == 3
