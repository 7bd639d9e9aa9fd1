import numpy as np
import pytest

from worker.training.evaluation import evaluate

CLASSES = ("cat", "dog", "owl")
# Worked by hand: truth cat cat dog dog owl, answers cat dog dog dog cat; no picture is called an owl.
PROBABILITIES = np.array(
    [[0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.1, 0.8, 0.1], [0.2, 0.6, 0.2], [0.5, 0.25, 0.25]], np.float32
)
LABELS = np.array([0, 0, 1, 1, 2])


def test_the_numbers_of_a_small_case_are_those_worked_by_hand() -> None:
    evaluation = evaluate(PROBABILITIES, LABELS, CLASSES)
    assert evaluation.accuracy == pytest.approx(3 / 5)
    assert evaluation.loss == pytest.approx(-np.log([0.7, 0.3, 0.8, 0.6, 0.25]).mean(), abs=1e-6)
    assert evaluation.confusion_matrix == ((1, 1, 0), (0, 2, 0), (1, 0, 0))
    cat, dog, owl = evaluation.per_class
    assert (cat.n, cat.precision, cat.recall, cat.f1) == (2, 0.5, 0.5, 0.5)
    assert (dog.n, dog.recall) == (2, 1.0)
    assert dog.precision == pytest.approx(2 / 3)
    assert dog.f1 == pytest.approx(0.8)
    assert (owl.n, owl.precision, owl.recall, owl.f1) == (1, None, 0.0, 0.0)


def test_a_class_without_pictures_has_no_recall() -> None:
    evaluation = evaluate(PROBABILITIES[:2], LABELS[:2], CLASSES)
    assert evaluation.per_class[2].recall is None
    assert evaluation.per_class[2].f1 is None


def test_a_certain_wrong_answer_costs_a_finite_loss() -> None:
    evaluation = evaluate(np.array([[1.0, 0.0, 0.0]], np.float32), np.array([1]), CLASSES)
    assert evaluation.loss == pytest.approx(-np.log(1e-7))


def test_arrays_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="5 and 4"):
        evaluate(PROBABILITIES, LABELS[:4], CLASSES)
