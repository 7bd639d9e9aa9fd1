"""Prepares a training from a plan and its dataset: a compiled network, training pictures and validation pictures.

It uses only Keras 3's API and only libraries that the training itself needs, so that any backend works.
"""

from dataclasses import dataclass

import keras

from worker.datasets import Dataset
from worker.jobs.plan import TrainingPlan
from worker.training.augmentation import Augmenter, mean_colour
from worker.training.compiling import compile_network
from worker.training.feeding import TrainingData
from worker.training.hardware import be_deterministic, policy_of
from worker.training.kernels.starting import set_starting_kernels
from worker.training.network import build_model
from worker.training.parallel.devices import on_devices
from worker.training.parallel.steps import train_together
from worker.training.splits import Split, training_splits
from worker.training.targets import label_weights, training_targets


@dataclass(frozen=True)
class Prepared:
    """A training that is ready to start.

    Attributes:
        network: the compiled network.
        data: the training data.
        validation: the split that the network is evaluated on after every epoch.
        policy: Keras's name of the layers' dtype policy.
    """

    network: keras.Model
    data: TrainingData
    validation: Split
    policy: str


def prepare(plan: TrainingPlan, dataset: Dataset) -> Prepared:
    """Seed all random generators, split the pictures, and build and compile the network.

    Args:
        plan: the training plan.
        dataset: the dataset that the plan names.

    Raises:
        TrainingFailed: this process has fewer devices than the plan names (`devices_unavailable`).
    """
    seed_everything(plan)
    data, validation = training_pictures(plan, dataset)
    policy = policy_of(plan.precision)
    with on_devices(plan.devices):
        network = build_network(plan, dataset, policy)
        set_starting_kernels(network, plan.network, data.images)
        compile_network(network, plan, data.steps_per_epoch)
    train_together(network)
    return Prepared(network, data, validation, policy)


def seed_everything(plan: TrainingPlan) -> None:
    """Seed all random generators, and allow only deterministic operations if the plan says so."""
    if plan.deterministic:
        be_deterministic()
    keras.utils.set_random_seed(plan.seed)


def build_network(plan: TrainingPlan, dataset: Dataset, policy: str) -> keras.Model:
    """The plan's network for the dataset's pictures and classes, with the given dtype policy."""
    keras.config.set_dtype_policy(policy)
    return build_model(plan.network, dataset.info.image_shape, len(dataset.info.classes))


def training_pictures(plan: TrainingPlan, dataset: Dataset) -> tuple[TrainingData, Split]:
    """The training data and the split for validation."""
    pictures, validation = training_splits(dataset, plan)
    classes = dataset.info.classes
    data = TrainingData(
        pictures,
        training_targets(len(classes), plan.label_smoothing),
        label_weights(plan.class_weights, classes, pictures.labels),
        Augmenter(plan.augmentation, mean_colour(pictures.images)) if plan.augmentation.is_on else None,
        batch_size=plan.batch_size,
        seed=plan.seed,
    )
    return data, validation
