import io

import numpy as np
import pytest
from PIL import Image

from worker.training.evaluation import evaluate
from worker.training.gallery import draw_confusion_matrix, draw_predictions


@pytest.mark.parametrize("n_classes", [2, 10, 60])
def test_a_confusion_matrix_of_any_size_can_be_drawn(n_classes: int) -> None:
    classes = tuple(f"class {index}" for index in range(n_classes))
    labels = np.arange(200) % n_classes
    probabilities = np.random.default_rng(0).dirichlet(np.ones(n_classes), 200).astype(np.float32)
    picture = Image.open(io.BytesIO(draw_confusion_matrix(evaluate(probabilities, labels, classes))))
    assert picture.format == "PNG"
    assert 400 <= min(picture.size) <= max(picture.size) <= 2200


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (20, 48, 3)])
@pytest.mark.parametrize("n_pictures", [3, 40])
def test_the_grid_shows_grey_and_coloured_pictures_and_takes_few_of_them(
    shape: tuple[int, int, int], n_pictures: int
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (n_pictures, *shape), np.uint8)
    probabilities = np.tile(np.array([0.6, 0.4], np.float32), (n_pictures, 1))
    labels = np.arange(n_pictures) % 2
    picture = Image.open(io.BytesIO(draw_predictions(images, labels, probabilities, ("cat", "dog"))))
    assert picture.size == (900, 1000)
