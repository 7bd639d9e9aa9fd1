"""One training by whichever of Keras's backends is set, without server, store or TensorFlow: how fast does it learn?

    KERAS_BACKEND=jax python -m benchmarks.backends --datasets-dir DIR
        [--architecture fast] [--dataset cifar10] [--epochs N] [--precision auto] [--seed 1]

Runs the product's own preparation and `fit` in this process, validated on the test split after each epoch, and prints
one line of JSON: seconds of `fit` at the end of the first epoch with an accuracy, pictures trained on per second of the
later epochs, device and versions. Needs keras, a backend, numpy, pydantic, pillow, obstore and httpx.
"""

import argparse
import json
import os
import platform
from itertools import accumulate
from pathlib import Path
from typing import Any

import keras

from worker.datasets import load_dataset
from worker.jobs.plan import plan
from worker.jobs.request import JobRequest
from worker.training.fitting import Fit, Training
from worker.training.hardware import backend_version, device
from worker.training.preparation import prepare

TARGETS = (0.5, 0.6, 0.7, 0.75, 0.78, 0.8, 0.85, 0.9, 0.91, 0.92, 0.93, 0.94)


def main() -> None:
    """Train once and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets-dir", type=Path, required=True)
    parser.add_argument("--architecture", default="fast")
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--epochs", type=int, help="default: the preset's recipe")
    parser.add_argument("--precision", help="default: the preset's recipe")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    body = {name: value for name, value in vars(arguments).items() if name != "datasets_dir"}
    planned = plan(JobRequest.model_validate(body | {"validation": "test"}))
    dataset = load_dataset(planned.dataset, arguments.datasets_dir)
    prepared = prepare(planned, dataset)
    fit = Training(
        prepared.network, prepared.data, prepared.validation, planned, None, on_progress=lambda *_: None
    ).run()
    print(json.dumps(body | {"policy": prepared.policy} | _result(fit, len(prepared.data)) | _machine()))


def _result(fit: Fit, n_images: int) -> dict[str, Any]:
    account, history = fit.account, fit.history
    before = account.seconds - sum(account.epoch_seconds)
    seconds = [round(before + done, 2) for done in accumulate(account.epoch_seconds)]
    reached = {
        target: next(at for at, accuracy in zip(seconds, history.val_accuracy, strict=True) if accuracy >= target)
        for target in TARGETS
        if max(history.val_accuracy) >= target
    }
    later = account.epoch_seconds[1:] or account.epoch_seconds  # the first one holds the compilation
    return {
        "fit_seconds": round(account.seconds, 2),
        "fit_cpu_seconds": round(account.cpu_seconds, 2),
        "seconds_to": reached,
        "images_per_second": round(n_images * len(later) / sum(later)),
        "data_wait_seconds": round(account.data_wait_seconds, 2),
        "epoch_seconds": [round(epoch, 2) for epoch in account.epoch_seconds],
        "val_accuracy": [round(accuracy, 4) for accuracy in history.val_accuracy],
    }


def _machine() -> dict[str, Any]:
    backend = keras.backend.backend()
    return {
        "device": _device(backend),
        "cores": os.cpu_count(),
        "backend": backend,
        "versions": {"python": platform.python_version(), "keras": keras.__version__, backend: backend_version()},
    }


def _device(backend: str) -> str:
    """The graphics card's name where JAX tells it."""
    if backend == "jax":
        import jax  # noqa: PLC0415 - only where Keras runs on it

        return str(jax.devices()[0].device_kind)
    return device()


if __name__ == "__main__":
    main()
