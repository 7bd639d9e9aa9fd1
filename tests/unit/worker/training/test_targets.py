import numpy as np

from worker.training.targets import label_weights, training_targets

CLASSES = ("cat", "dog", "emu")


def test_without_smoothing_targets_are_one_hot() -> None:
    np.testing.assert_array_equal(training_targets(3, 0), np.eye(3))


def test_smoothing_spreads_its_share_over_all_classes() -> None:
    targets = training_targets(4, 0.2)
    assert targets.dtype == np.float32
    np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(targets[1], [0.05, 0.85, 0.05, 0.05])


def test_without_class_weights_there_are_none() -> None:
    assert label_weights(None, CLASSES, np.array([0, 1, 2])) is None


def test_weights_are_those_named_and_one_for_the_rest() -> None:
    assert label_weights({"emu": 3, "cat": 0}, CLASSES, np.array([0, 1, 2])).tolist() == [0, 1, 3]  # type: ignore[union-attr]


def test_balanced_classes_count_alike_however_many_pictures_they_have() -> None:
    labels = np.array([0] * 6 + [1] * 2)
    weights = label_weights("balanced", CLASSES, labels)
    assert weights is not None
    assert weights[0] * 6 == weights[1] * 2
    assert np.isfinite(weights).all()
    two = label_weights("balanced", CLASSES[:2], labels)
    assert two is not None
    assert two[labels].sum() == len(labels)
