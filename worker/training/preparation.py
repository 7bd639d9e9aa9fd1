"""From a request and its dataset to what `Training` takes: a compiled network, and pictures to train and validate with.

Keras 3's own API only, and no library that a training itself has no use for, so that any backend will do.
"""

from dataclasses import dataclass

import keras

from worker.datasets import Dataset
from worker.jobs.requests import JobRequest, description_of
from worker.training.augmentation import Augmenter, mean_colour
from worker.training.compiling import compile_network
from worker.training.feeding import TrainingData
from worker.training.hardware import be_deterministic, policy_of
from worker.training.network import build_model
from worker.training.splits import Split, training_splits
from worker.training.targets import label_weights, training_targets


@dataclass(frozen=True)
class Prepared:
    """A training that can begin.

    Attributes:
        network: compiled.
        data: what to train on.
        validation: what to measure it with after every epoch.
        policy: Keras's name of what the layers calculate with.
    """

    network: keras.Model
    data: TrainingData
    validation: Split
    policy: str


def prepare(request: JobRequest, dataset: Dataset) -> Prepared:
    """Seed every generator, divide the pictures, and build and compile the network.

    Args:
        request: planned.
        dataset: the request's.
    """
    assert request.seed is not None
    assert request.precision is not None
    if request.deterministic:
        be_deterministic()
    keras.utils.set_random_seed(request.seed)
    data, validation = _pictures(request, dataset)
    policy = policy_of(request.precision)
    network = build_network(request, dataset, policy)
    compile_network(network, request, data.steps_per_epoch)
    return Prepared(network, data, validation, policy)


def build_network(request: JobRequest, dataset: Dataset, policy: str) -> keras.Model:
    """The request's network for the dataset's pictures and classes, calculating as the policy says."""
    keras.config.set_dtype_policy(policy)
    return build_model(description_of(request), dataset.info.image_shape, len(dataset.info.classes))


def _pictures(request: JobRequest, dataset: Dataset) -> tuple[TrainingData, Split]:
    assert request.batch_size is not None
    assert request.label_smoothing is not None
    assert request.seed is not None
    pictures, validation = training_splits(dataset, request)
    classes = dataset.info.classes
    augmentation = request.augmentation
    data = TrainingData(
        pictures,
        training_targets(len(classes), request.label_smoothing),
        label_weights(request.class_weights, classes, pictures.labels),
        Augmenter(augmentation, mean_colour(pictures.images)) if augmentation and augmentation.is_on else None,
        batch_size=request.batch_size,
        seed=request.seed,
    )
    return data, validation
