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
    assert (evaluation.pictures, evaluation.test_split) == (len(LABELS), len(LABELS))
    assert evaluation.accuracy == pytest.approx(3 / 5)
    assert evaluation.loss == pytest.approx(-np.log([0.7, 0.3, 0.8, 0.6, 0.25]).mean(), abs=1e-6)
    assert evaluation.confusion_matrix == ((1, 1, 0), (0, 2, 0), (1, 0, 0))
    cat, dog, owl = evaluation.per_class
    assert (cat.support, cat.precision, cat.recall, cat.f1) == (2, 0.5, 0.5, 0.5)
    assert (dog.support, dog.recall) == (2, 1.0)
    assert dog.precision == pytest.approx(2 / 3)
    assert dog.f1 == pytest.approx(0.8)
    assert (owl.support, owl.precision, owl.recall, owl.f1) == (1, None, 0.0, 0.0)


def test_a_class_without_pictures_has_no_recall() -> None:
    evaluation = evaluate(PROBABILITIES[:2], LABELS[:2], CLASSES)
    assert evaluation.per_class[2].recall is None
    assert evaluation.per_class[2].f1 is None


def test_averages_are_those_worked_by_hand() -> None:
    evaluation = evaluate(PROBABILITIES, LABELS, CLASSES)
    macro, weighted = evaluation.macro_average, evaluation.weighted_average
    # Precision 1/2, 2/3 and none; recall 1/2, 1 and 0; F1 1/2, 4/5 and 0; two, two pictures and one.
    assert macro.precision == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert macro.recall == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert macro.f1 == pytest.approx((1 / 2 + 4 / 5 + 0) / 3)
    assert weighted.precision == pytest.approx((2 * 1 / 2 + 2 * 2 / 3 + 0) / 5)
    assert weighted.recall == pytest.approx(evaluation.accuracy)
    assert weighted.f1 == pytest.approx((2 * 1 / 2 + 2 * 4 / 5 + 0) / 5)


def test_a_class_that_never_occurs_is_in_no_average() -> None:
    evaluation = evaluate(PROBABILITIES[:2], LABELS[:2], CLASSES)
    # The cat was found once in two pictures, the dog is called once and never right; there is no owl.
    assert evaluation.macro_average.precision == pytest.approx((1 + 0) / 2)
    assert evaluation.weighted_average.precision == 1.0


def test_three_guesses_count_from_five_classes_on_and_equal_ones_by_their_index() -> None:
    assert evaluate(PROBABILITIES, LABELS, CLASSES).top_3_accuracy is None
    rows = np.array([[0.4, 0.3, 0.2, 0.1, 0.0], [0.6, 0.1, 0.1, 0.1, 0.1], [1.0, 0.0, 0.0, 0.0, 0.0]], np.float32)
    five = ("a", "b", "c", "d", "e")
    assert evaluate(rows, np.array([2, 2, 2]), five).top_3_accuracy == 1.0
    assert evaluate(rows, np.array([3, 4, 3]), five).top_3_accuracy == 0.0


def test_a_certain_wrong_answer_costs_a_finite_loss() -> None:
    evaluation = evaluate(np.array([[1.0, 0.0, 0.0]], np.float32), np.array([1]), CLASSES)
    assert evaluation.loss == pytest.approx(-np.log(1e-7))


def test_arrays_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="5 and 4"):
        evaluate(PROBABILITIES, LABELS[:4], CLASSES)


def test_an_evaluation_says_how_many_pictures_of_the_test_split_it_is_of() -> None:
    evaluation = evaluate(PROBABILITIES, LABELS, CLASSES, test_split=1000)
    assert (evaluation.pictures, evaluation.test_split) == (len(LABELS), 1000)
