"""Test-time augmentation: which views there are, and how answers to them are averaged."""

from typing import get_args

import keras
import numpy as np
import pytest

from worker.recipe.options import TestTimeAugmentation as Kind
from worker.training.averaged_views import VIEWS, Pictures, averaged_over_views, mirrored, shifted

PICTURE = np.array([[1, 2, 3], [4, 5, 6]], np.uint8).reshape(1, 2, 3, 1)
"""Not square, and nothing in it looks the same when mirrored or moved."""


def rows(pictures: Pictures) -> list[list[int]]:
    return [[int(value) for value in row] for row in pictures[0, :, :, 0]]


def test_a_picture_is_mirrored_left_to_right() -> None:
    assert rows(mirrored(PICTURE)) == [[3, 2, 1], [6, 5, 4]]


def test_a_moved_picture_is_filled_with_its_reflection() -> None:
    assert rows(shifted(PICTURE, -1, -1)) == [[5, 6, 5], [2, 3, 2]]
    assert rows(shifted(PICTURE, 1, 1)) == [[5, 4, 5], [2, 1, 2]]


def test_every_kind_has_its_views_and_leaves_weight_for_the_picture_itself() -> None:
    assert set(VIEWS) == set(get_args(Kind))
    assert [1 - sum(weight for weight, _ in VIEWS[kind]) for kind in ("none", "flip", "flip_and_shift")] == [
        1,
        0.5,
        0.25,
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("none", 1),
        ("flip", (1 + 3) / 2),
        ("flip_and_shift", (1 + 3) / 4 + (5 + 5 + 5 + 5) / 8),
    ],
)
def test_answers_are_averaged_by_the_weights_of_the_views(kind: Kind, expected: float) -> None:
    inputs = keras.Input((2, 3, 1))
    corner = keras.Model(inputs, inputs[:, 0, 0] * 255)  # answers with the first pixel of what it is shown
    plain = np.array([[1]], np.float32)
    assert averaged_over_views(corner, PICTURE, plain, kind)[0, 0] == pytest.approx(expected, rel=1e-6)
    assert plain[0, 0] == 1


def test_many_pictures_are_averaged_in_chunks_as_few_are() -> None:
    inputs = keras.Input((2, 3, 1))
    corner = keras.Model(inputs, inputs[:, 0, 0])
    images = np.random.default_rng(0).integers(0, 256, (3000, 2, 3, 1), np.uint8)
    plain = np.asarray(images[:, 0, 0] / 255, np.float32)
    expected = (plain + images[:, 0, 2] / 255) / 2
    assert np.allclose(averaged_over_views(corner, images, plain, "flip"), expected, atol=1e-6)
