import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from worker.reports.mistakes import find_mistakes
from worker.training.gallery import CELL, HEADING, LINE, MARGIN, draw_mistakes, draw_predictions, fitted

LONG = "W" * 60 + " $x^{ 猫"
VERMILLION = (213, 94, 0)


def opened(picture: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(picture)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def answers(n_pictures: int) -> NDArray[np.float32]:
    return np.tile(np.array([0.6, 0.4], np.float32), (n_pictures, 1))


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (20, 48, 3), (300, 200, 3), (1, 400, 1)])
@pytest.mark.parametrize("n_pictures", [3, 40])
def test_the_grid_shows_grey_and_coloured_pictures_of_any_size_and_takes_few_of_them(
    shape: tuple[int, int, int], n_pictures: int
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (n_pictures, *shape), np.uint8)
    labels = np.arange(n_pictures) % 2
    for picture in (
        draw_predictions(images, labels, answers(n_pictures), (LONG, "dog"), LONG),
        draw_mistakes(images, find_mistakes(answers(n_pictures), labels, ("cat", LONG)), LONG),
    ):
        assert opened(picture).shape[1] == 936


def test_a_picture_keeps_its_pixels_enlarged_by_a_whole_number() -> None:
    images = np.random.default_rng(0).integers(0, 256, (1, 28, 28, 1), np.uint8)
    drawn = opened(draw_predictions(images, np.array([0]), answers(1), ("cat", "dog"), "a on b"))
    top, left = HEADING + LINE, MARGIN
    cell = drawn[top : top + CELL, left : left + CELL]
    assert np.array_equal(cell, images[0].repeat(6, axis=0).repeat(6, axis=1).repeat(3, axis=2))


def test_a_wrong_answer_has_a_frame_and_a_right_one_has_none() -> None:
    images = np.zeros((2, 28, 28, 1), np.uint8)
    drawn = opened(draw_predictions(images, np.array([0, 1]), answers(2), ("cat", "dog"), "a on b"))
    side = HEADING + 2 * LINE + CELL // 2
    assert tuple(drawn[side, MARGIN - 2]) == (255, 255, 255)
    assert tuple(drawn[side, MARGIN + CELL + 16 - 2]) == VERMILLION


def test_without_a_mistake_the_gallery_says_so() -> None:
    mistakes = find_mistakes(answers(2), np.array([0, 0]), ("cat", "dog"))
    drawn = opened(draw_mistakes(np.zeros((2, 8, 8, 1), np.uint8), mistakes, "a on b"))
    assert len(drawn) == HEADING + MARGIN
    assert drawn.min() < 100


def test_a_large_picture_is_reduced_whole() -> None:
    image = np.zeros((300, 100, 3), np.uint8)
    image[:, 50:] = 200
    small = fitted(image, CELL)
    assert small.shape == (168, 56, 3)
    assert (small[:, :27] == 0).all()
    assert (small[:, 29:] == 200).all()
