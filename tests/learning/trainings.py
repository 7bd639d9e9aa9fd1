"""Small trainings on real pictures, without a server: what the learning tests share."""

import itertools
from pathlib import Path

import keras

from worker.datasets import Dataset, load_dataset
from worker.jobs.plan import TrainingPlan, plan
from worker.jobs.request import JobRequest
from worker.training.checkpoints import Checkpoints
from worker.training.fitting import Fit, Training
from worker.training.preparation import prepare

SAMPLE = load_dataset("fashion_mnist_sample", Path("unused"))


def planned(**body: object) -> TrainingPlan:
    """A few hundred pictures of the sample, unless the body says otherwise."""
    defaults = {
        "architecture": "lenet5-fashion",
        "dataset": "fashion_mnist_sample",
        "epochs": 2,
        "train_samples": 600,
        "optimizer": "adam",
        "batch_size": 32,
        "seed": 1,
    }
    return plan(JobRequest.model_validate(defaults | body))


def trained(
    plan: TrainingPlan,
    dataset: Dataset = SAMPLE,
    checkpoints: Checkpoints | None = None,
    pause_after: int | None = None,
    finish_after: int | None = None,
) -> tuple[keras.Model, Fit]:
    """The network with the weights to be published, and how its training went; a pause or an end may be asked for."""
    looks, batches = itertools.count(), itertools.count()
    prepared = prepare(plan, dataset)
    try:
        fit = Training(
            prepared.network,
            prepared.data,
            prepared.validation,
            plan,
            checkpoints,
            on_progress=lambda *_: None,
            is_pause_asked=lambda: pause_after is not None and next(looks) >= pause_after,
            is_finish_asked=lambda: finish_after is not None and next(batches) >= finish_after,
        ).run()
    finally:
        keras.config.set_dtype_policy("float32")  # what a training sets holds for its process
    return prepared.network, fit
