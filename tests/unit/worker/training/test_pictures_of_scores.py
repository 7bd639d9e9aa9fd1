import io

import numpy as np
import pytest
from PIL import Image

from worker.training.calibration_picture import draw_calibration
from worker.training.confusion_picture import draw_confusion_matrix
from worker.training.evaluation import Evaluation, evaluate


def evaluation_of(n_classes: int, n_pictures: int = 200, name: str = "class") -> Evaluation:
    classes = tuple(f"{name} {index}" for index in range(n_classes))
    labels = np.arange(n_pictures) % n_classes
    probabilities = np.random.default_rng(0).dirichlet(np.ones(n_classes), n_pictures).astype(np.float32)
    return evaluate(probabilities, labels, classes)


@pytest.mark.parametrize(
    ("n_classes", "n_pictures", "name"),
    [(2, 200, "class"), (2, 1, "W" * 60 + " $x^{ 猫"), (10, 200, "class"), (100, 40, "a longer name"), (300, 400, "x")],
)
def test_a_confusion_matrix_of_any_size_can_be_drawn(n_classes: int, n_pictures: int, name: str) -> None:
    picture = Image.open(io.BytesIO(draw_confusion_matrix(evaluation_of(n_classes, n_pictures, name), name * 3)))
    assert picture.format == "PNG"
    assert 300 <= min(picture.size) <= max(picture.size) <= 1500


def test_the_row_of_a_class_without_pictures_is_grey() -> None:
    evaluation = evaluate(np.array([[1, 0]], np.float32), np.array([0]), ("there", "not there"))
    drawn = np.asarray(Image.open(io.BytesIO(draw_confusion_matrix(evaluation, "a on b"))).convert("RGB"))
    assert (drawn == (221, 221, 221)).all(axis=2).sum() > 10_000


@pytest.mark.parametrize("n_pictures", [1, 1000])
def test_a_reliability_diagram_can_be_drawn(n_pictures: int) -> None:
    calibration = evaluation_of(10, n_pictures).calibration
    assert Image.open(io.BytesIO(draw_calibration(calibration, "a on b"))).size == (600, 680)
