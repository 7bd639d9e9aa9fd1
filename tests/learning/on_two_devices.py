"""Trains the same on one and on two devices, in a process whose processor is two devices; prints what came of it.

python -m tests.learning.on_two_devices DIRECTORY [NUMBERS OF DEVICES | muon]
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
from worker.training.parallel.devices import make_virtual_devices, replicas_of

LAYERS: list[dict[str, object]] = [
    {"type": "conv2d", "filters": 4, "kernel_size": 3, "strides": 4},
    {"type": "batch_normalization"},
    {"type": "activation", "activation": "relu"},
    {"type": "flatten"},
    {"type": "dense", "units": "classes", "activation": "softmax"},
]
# Without a bias before batch normalization: its gradient is only rounding errors, which Adam would enlarge.
MUONS_LAYERS = [
    {
        "type": "conv2d",
        "filters": 4,
        "kernel_size": 2,
        "strides": 4,
        "use_bias": False,
        "kernel_initializer": "whitening",
    },
    {"type": "conv2d", "filters": 4, "kernel_size": 3, "use_bias": False, "kernel_initializer": "identity"},
    *LAYERS[1:],
]
SGD: dict[str, object] = {"name": "sgd", "learning_rate": 0.02, "momentum": 0.9}
MUON: dict[str, object] = {
    "name": "muon",
    "learning_rate": 0.05,
    "momentum": 0.6,
    "nesterov": True,
    "others_rate": 0.01,
}
PAUSED_AFTER = 2  # looks, at most three in an epoch of four steps, the last of which has 7 pictures


def main() -> None:
    """Train once on one device and once as asked, and print the histories as one JSON object."""
    make_virtual_devices(2)
    if sys.argv[2:] == ["muon"]:
        # In a process of its own: several networks in one share the keys by which TensorFlow adds up gradients.
        both = [told(trained(planned(devices, MUON, MUONS_LAYERS))[1].history) for devices in (1, 2)]
        sys.stdout.write(json.dumps({"one": both[0], "asked": both[1]}))
        return
    found = {
        "one": told(trained(planned(1))[1].history),
        "asked": interrupted(Path(sys.argv[1]), [int(number) for number in sys.argv[2:]]),
        "three": refused(),
    }
    sys.stdout.write(json.dumps(found))


def planned(devices: int, optimizer: dict[str, object] = SGD, layers: list[dict[str, object]] = LAYERS) -> TrainingPlan:
    """The training, on so many devices."""
    return plan(
        JobRequest.model_validate(
            {
                "architecture": {"layers": layers},
                "dataset": "fashion_mnist_sample",
                "epochs": 2,
                "batch_size": 16,
                "train_samples": 61,
                "class_weights": {"Bag": 2.0},
                "optimizer": optimizer,
                "seed": 1,
                "devices": devices,
            }
        )
    )


def interrupted(directory: Path, devices: list[int]) -> dict[str, list[float]]:
    """What a training measured that was paused within an epoch after each number of devices but the last."""
    store = open_store(str(directory)).checkpoints
    for attempt, number in enumerate(devices, start=1):
        checkpoints = Checkpoints(store, "job", attempt, directory, "data")
        pause_after = PAUSED_AFTER if attempt < len(devices) else None
        with suppress(TrainingPaused):
            network, fit = trained(planned(number), checkpoints=checkpoints, pause_after=pause_after)
    return told(fit.history) | {"devices": [replicas_of(network)]}


def refused() -> str:
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
