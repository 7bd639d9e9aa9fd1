"""Trains the same on one and on two devices, in a process whose processor is two devices; prints what came of it.

python -m tests.learning.on_two_devices DIRECTORY
"""

import json
import sys
from contextlib import suppress
from pathlib import Path

from model_store import open_store
from tests.learning.trainings import trained
from worker.jobs.errors import TrainingFailed, TrainingPaused
from worker.jobs.plan import TrainingPlan, plan
from worker.jobs.records import History
from worker.jobs.request import JobRequest
from worker.training.checkpoints import Checkpoints
from worker.training.parallel.devices import make_virtual_devices

LAYERS = [
    {"type": "conv2d", "filters": 4, "kernel_size": 3, "strides": 4},
    {"type": "batch_normalization"},
    {"type": "activation", "activation": "relu"},
    {"type": "flatten"},
    {"type": "dense", "units": "classes", "activation": "softmax"},
]
PAUSED_AFTER = 6  # steps: within the second epoch of four steps, the last of which has 7 pictures


def main() -> None:
    """Train four times and print the histories as one JSON object."""
    make_virtual_devices(2)
    directory = Path(sys.argv[1])
    found = {
        "one": history(directory, planned(1)),
        "two": history(directory, planned(2)),
        "one, then two": resumed(directory, planned(1), planned(2)),
        "two, then one": resumed(directory, planned(2), planned(1)),
        "three": refused(directory),
    }
    sys.stdout.write(json.dumps(found))


def planned(devices: int) -> TrainingPlan:
    """The training, on so many devices."""
    return plan(
        JobRequest.model_validate(
            {
                "architecture": {"layers": LAYERS},
                "dataset": "fashion_mnist_sample",
                "epochs": 2,
                "batch_size": 16,
                "train_samples": 61,
                "class_weights": {"Bag": 2.0},
                "optimizer": {"name": "sgd", "learning_rate": 0.02, "momentum": 0.9},
                "seed": 1,
                "devices": devices,
            }
        )
    )


def history(directory: Path, wanted: TrainingPlan) -> dict[str, list[float]]:
    """What a training without interruption measured."""
    return told(trained(wanted)[1].history)


def resumed(directory: Path, first: TrainingPlan, then: TrainingPlan) -> dict[str, list[float]]:
    """What a training measured that was paused on some devices and went on with others."""
    store = open_store(str(directory / f"from-{first.devices}")).checkpoints
    with suppress(TrainingPaused):
        trained(first, checkpoints=Checkpoints(store, "job", 1, directory, "data"), pause_after=PAUSED_AFTER)
        raise AssertionError("it was not paused")
    return told(trained(then, checkpoints=Checkpoints(store, "job", 2, directory, "data"))[1].history)


def refused(directory: Path) -> str:
    """Code of the failure of a training on more devices than there are."""
    try:
        trained(planned(3))
    except TrainingFailed as error:
        return error.failure.code
    return "none"


def told(measured: History) -> dict[str, list[float]]:
    """Losses and accuracies by epoch."""
    return {name: list(getattr(measured, name)) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}


if __name__ == "__main__":
    main()
