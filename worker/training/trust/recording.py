"""Records how far the answers of a version can be trusted."""

import logging
from pathlib import Path

import keras
import numpy as np

from model_store import ModelStore
from worker.artifacts import TRUST_FILE, UNUSUAL_FILE
from worker.datasets import Dataset
from worker.datasets.dataset import LabelledImages
from worker.jobs.plan import TrainingPlan
from worker.training.predicting import predict_pictures
from worker.training.splits import chosen_rows
from worker.training.trust.untouched import drawn_rows, held_out_pictures, reason_against
from worker.training.trust.unusual import MOST_TRAINING, unusual_network
from worker.trust.measuring import measured

logger = logging.getLogger(__name__)


def record_trust(
    directory: Path, plan: TrainingPlan, store: ModelStore, dataset: Dataset, network: keras.Model
) -> None:
    """Write `trust.json` and `unusual.onnx`, unless there are no pictures that the network was not trained on.

    Args:
        directory: receives the files.
        plan: of the network's training.
        store: has the version that the training continued from, if any.
        dataset: that the network was trained on.
        network: with the weights that are published.
    """
    reason = reason_against(plan, dataset, store)
    if reason is not None:
        logger.info("the trust in answers is not recorded: %s", reason)
        return
    pictures = held_out_pictures(dataset, plan)
    probabilities = predict_pictures(network, pictures.images)
    if not np.isfinite(probabilities).all():
        logger.info("the trust in answers is not recorded: the network does not give finite numbers")
        return
    record = measured(probabilities, pictures.labels)
    (directory / TRUST_FILE).write_text(record.model_dump_json() + "\n")
    _record_unusual(directory, plan, dataset, pictures)


def _record_unusual(directory: Path, plan: TrainingPlan, dataset: Dataset, held_out: LabelledImages) -> None:
    rows, _ = chosen_rows(len(dataset.train_images), plan)
    drawn = drawn_rows(rows, MOST_TRAINING, plan)
    scorer = unusual_network(dataset.train_images[drawn], held_out.images)
    if scorer is None:
        logger.info("unusual pictures are not told: too few pictures are held out")
    else:
        (directory / UNUSUAL_FILE).write_bytes(scorer)
