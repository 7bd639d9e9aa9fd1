"""Which pictures a run trains on, and which it validates with."""

from dataclasses import replace

import numpy as np
import pytest

from worker.datasets import Dataset, DatasetUnavailable, dataset_info
from worker.datasets.dataset import LabelledImages, assemble
from worker.jobs.plan import plan
from worker.jobs.request import JobRequest
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
