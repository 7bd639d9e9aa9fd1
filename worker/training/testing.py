"""The test of a trained network: plain, and with test-time augmentation if its job asks for it."""

import logging

import keras
import numpy as np
from numpy.typing import NDArray

from worker.datasets import Dataset
from worker.jobs.plan import TrainingPlan
from worker.training.averaged_views import averaged_over_views
from worker.training.evaluation import Evaluation, evaluate, evaluate_views
from worker.training.splits import Tested

logger = logging.getLogger(__name__)


def evaluated(
    network: keras.Model, plan: TrainingPlan, dataset: Dataset, tested: Tested, probabilities: NDArray[np.float32]
) -> Evaluation:
    """Evaluate a network on the test split, and log the result.

    Args:
        network: the trained network, in float32.
        plan: of its training.
        dataset: that it was trained on.
        tested: the pictures to test on.
        probabilities: float32, shape (n_tested, n_classes), its answers to them as they are.
    """
    labels, views = tested.pictures.labels, plan.test_time_augmentation
    evaluation = evaluate(probabilities, labels, dataset.info.classes, len(dataset.test_labels))
    logger.info(
        "test accuracy %.4f, test loss %.4f, on %d of %d test pictures",
        evaluation.accuracy,
        evaluation.loss,
        evaluation.pictures,
        evaluation.test_split,
    )
    if views == "none":
        return evaluation
    score = evaluate_views(averaged_over_views(network, tested.pictures.images, probabilities, views), labels, views)
    logger.info(
        "with test-time augmentation (%s): test accuracy %.4f, test loss %.4f", views, score.accuracy, score.loss
    )
    return evaluation.model_copy(update={"test_time_augmentation": score})
