"""Labels that were replaced at random stand at the head of the list of doubtful ones."""

from pathlib import Path

import numpy as np
import pytest

from worker.datasets import load_dataset
from worker.reports.doubtful_labels import find_doubtful_labels
from worker.training.gallery import draw_doubtful
from worker.training.transfer import leave_one_out as module
from worker.training.transfer.leave_one_out import MAX_WIDTH, leave_one_out


def test_planted_wrong_labels_are_found() -> None:
    sample = load_dataset("fashion_mnist_sample", Path("unused"))
    random, n = np.random.default_rng(1), 3000
    rows = np.arange(n)
    pixels = sample.train_images.reshape(n, 14, 2, 14, 2).mean(axis=(2, 4), dtype=np.float32).reshape(n, -1)
    planted = random.choice(n, n // 20, replace=False)
    labels = sample.train_labels[:n].copy()
    labels[planted] = (labels[planted] + random.integers(1, 10, len(planted))) % 10

    found = find_doubtful_labels(leave_one_out(pixels, labels, 10), labels, rows, sample.info.classes)

    first = [one.index for one in found.labels[: round(n * 0.07)]]
    assert np.isin(planted, first).mean() >= 0.7
    assert found.pictures == n
    assert draw_doubtful(sample.train_images, found, "pixels").startswith(b"\x89PNG")


@pytest.mark.parametrize("width", [3, MAX_WIDTH + 1])
@pytest.mark.parametrize("few", [0, 2000])
def test_an_answer_does_not_depend_on_the_pictures_own_label(
    width: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FEW_PICTURES", few)
    random = np.random.default_rng(2)
    features = random.standard_normal((40, width), np.float32)
    labels = random.integers(0, 2, 40)
    other = labels.copy()
    other[7] = 1 - other[7]

    with_own, with_other = (leave_one_out(features, some, 2)[7] for some in (labels, other))

    assert with_own.argmax() == with_other.argmax()
    np.testing.assert_allclose(with_own.sum(), 1, rtol=1e-5)


def test_equal_features_tell_nothing() -> None:
    probabilities = leave_one_out(np.ones((6, 4), np.float32), np.array([0, 0, 0, 0, 0, 1]), 2)

    assert np.isfinite(probabilities).all()
