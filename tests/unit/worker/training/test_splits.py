"""Which pictures a run trains on, and which it validates with."""

from dataclasses import replace

import numpy as np
import pytest

from worker.datasets import Dataset, DatasetUnavailable, dataset_info
from worker.datasets.chosen_images import ChosenImages
from worker.datasets.dataset import LabelledImages, assemble
from worker.jobs.plan import plan
from worker.jobs.request import JobRequest
from worker.training import splits
from worker.training.augmentation import mean_colour
from worker.training.splits import training_splits

INFO = dataset_info("fashion_mnist_sample").model_copy(update={"validation_per_class": (1,) * 10})


def pictures(n: int, grey: int) -> LabelledImages:
    return LabelledImages(np.full((n, 28, 28, 1), grey, np.uint8), np.arange(n) % 10)


DATASET: Dataset = assemble(INFO, pictures(3000, 10), pictures(1000, 20), pictures(10, 255))


def test_a_validation_split_validates_and_all_training_pictures_train() -> None:
    request = JobRequest(architecture="lenet5-fashion", dataset=INFO.name, epochs=1)
    planned = plan(request, find_dataset=lambda _: INFO)
    training, validation = training_splits(DATASET, planned)
    assert len(training.images) == 3000
    assert validation.inputs.shape == (10, 28, 28, 1)
    assert set(np.unique(validation.inputs)) == {1.0}
    with pytest.raises(DatasetUnavailable, match="had a validation split"):
        training_splits(replace(DATASET, validation=None), planned)


def test_a_quick_try_is_tested_on_the_same_few_pictures_of_every_class() -> None:
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    images = np.arange(1000).astype(np.uint8).reshape(-1, 1, 1, 1)
    dataset = replace(DATASET, test_images=images, test_labels=labels)
    tested = splits.tested_pictures(dataset, 21)
    assert np.bincount(tested.pictures.labels).tolist() == [13, 6, 2]
    assert (np.diff(tested.rows) > 0).all()
    assert (tested.pictures.images == images[tested.rows]).all()
    assert (splits.tested_pictures(dataset, 21).rows == tested.rows).all()
    assert len(splits.tested_pictures(dataset, 1).rows) == 1
    assert len(splits.tested_pictures(dataset, None).rows) == 1000


def test_a_quick_try_that_validates_with_the_test_split_takes_no_more_pictures_of_it() -> None:
    request = JobRequest(architecture="lenet5-fashion", dataset=INFO.name, validation="test", test_samples=30)
    planned = plan(request, find_dataset=lambda _: INFO)
    _, validation = training_splits(DATASET, planned)
    assert validation.targets.sum(axis=0).tolist() == [3] * 10


def test_validation_pictures_are_converted_when_they_are_needed() -> None:
    plain = np.random.default_rng(1).integers(0, 256, (3000, 2, 2, 1), np.uint8)
    split = splits.UnreadSplit(LabelledImages(plain, np.arange(3000) % 10), 10)
    rows = np.array([2999, 0, 1500])
    assert np.array_equal(split.some(rows), plain[rows] / np.float32(255))
    reserved = split.reserved
    assert np.array_equal(split.inputs, plain / np.float32(255))
    assert split.inputs is reserved
    assert len(split) == 3000


def test_chosen_pictures_are_copied_only_when_they_are_read() -> None:
    images = np.arange(20, dtype=np.uint8).reshape(10, 2, 1, 1)
    rows = np.array([7, 3, 3, 9])
    chosen, copied = ChosenImages.of(images, rows), images[rows]
    assert (len(chosen), chosen.shape, chosen.dtype) == (4, copied.shape, copied.dtype)
    for which in (0, slice(1, 3), slice(None, None, 2), np.array([3, 0]), np.array([True, False, False, True])):
        assert np.array_equal(chosen[which], copied[which])
    assert np.array_equal(np.asarray(chosen), copied)
    assert np.array_equal(mean_colour(chosen), mean_colour(copied))
