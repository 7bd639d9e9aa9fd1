"""Asks the doctor about a run before it is published, with everything that the trainer has at hand."""

from pathlib import Path

import numpy as np

from worker.datasets import Dataset
from worker.datasets.duplicates import count_repeated
from worker.doctor.diagnosis import diagnose
from worker.doctor.facts import DataFacts
from worker.doctor.findings import Diagnosis
from worker.doctor.sources import facts_of_plan, test_facts_of
from worker.jobs.picture_counts import held_out_of
from worker.jobs.plan import TrainingPlan
from worker.training.evaluation import Evaluation
from worker.training.fitting import Fit
from worker.training.recorded_filters import recorded_filters


def examine(
    plan: TrainingPlan,
    dataset: Dataset,
    fit: Fit,
    evaluation: Evaluation,
    artifacts: Path,
) -> Diagnosis:
    """The diagnosis that is published with a version.

    Args:
        plan: the training plan.
        dataset: the dataset that the network was trained and tested on.
        fit: the result of the training.
        evaluation: of the test split.
        artifacts: directory of the files to publish, with the record of the layers.
    """
    return diagnose(
        facts_of_plan(
            plan,
            dataset.info.classes,
            fit.history,
            validation_pictures=_validation_pictures(plan, dataset),
            keeps_best=fit.is_best_kept,
            test=test_facts_of(evaluation.model_dump()),
            data=DataFacts(
                train_per_class=tuple(np.bincount(dataset.train_labels, minlength=len(dataset.info.classes)).tolist()),
                test_pictures=len(dataset.test_images),
                in_both_splits=count_repeated(dataset.train_images, dataset.test_images),
            ),
            filters=recorded_filters(artifacts),
        )
    )


def _validation_pictures(plan: TrainingPlan, dataset: Dataset) -> int:
    match plan.validation:
        case "test":
            return plan.test_samples or len(dataset.test_images)
        case "validation":
            return len(dataset.validation.images) if dataset.validation is not None else 0
        case share:
            return held_out_of(share, plan.train_samples)
