"""Asks the doctor about a run before it is published, with everything that the trainer has at hand."""

import keras
import numpy as np
from numpy.typing import NDArray

from worker.datasets import Dataset
from worker.datasets.duplicates import count_repeated
from worker.doctor.diagnosis import diagnose
from worker.doctor.facts import DataFacts
from worker.doctor.findings import Diagnosis
from worker.doctor.sources import facts_of_plan, test_facts_of
from worker.jobs.plan import TrainingPlan
from worker.training.dead_filters import find_dead_filters
from worker.training.evaluation import Evaluation
from worker.training.fitting import Fit


def examine(
    plan: TrainingPlan,
    dataset: Dataset,
    network: keras.Model,
    fit: Fit,
    evaluation: Evaluation,
    test_inputs: NDArray[np.float32],
) -> Diagnosis:
    """The diagnosis that is published with a version.

    Args:
        plan: the training plan.
        dataset: the dataset that the network was trained and tested on.
        network: the trained network.
        fit: the result of the training.
        evaluation: of the test split.
        test_inputs: float32, shape (n, height, width, channels), the test pictures with values in [0, 1].
    """
    return diagnose(
        facts_of_plan(
            plan,
            dataset.info.classes,
            fit.history,
            validation_pictures=_validation_pictures(plan, dataset),
            test=test_facts_of(evaluation.model_dump()),
            data=DataFacts(
                train_per_class=tuple(np.bincount(dataset.train_labels, minlength=len(dataset.info.classes)).tolist()),
                test_pictures=len(dataset.test_images),
                in_both_splits=count_repeated(dataset.train_images, dataset.test_images),
            ),
            filters=find_dead_filters(network, test_inputs),
        )
    )


def _validation_pictures(plan: TrainingPlan, dataset: Dataset) -> int:
    match plan.validation:
        case "test":
            return len(dataset.test_images)
        case "validation":
            return len(dataset.validation.images) if dataset.validation is not None else 0
        case share:
            return round(plan.train_samples * share)
