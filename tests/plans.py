"""Plans of small trainings on real pictures, for tests that need no Keras, too."""

from pathlib import Path

from worker.datasets import load_dataset
from worker.jobs.plan import TrainingPlan, plan
from worker.jobs.request import JobRequest

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
