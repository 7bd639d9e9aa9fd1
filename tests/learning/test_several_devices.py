"""One training on several devices: its losses are those of one device, and it goes on with another number of them."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import pytest

from tests.paths import PROJECT
from worker.jobs.errors import TrainingFailed
from worker.training.parallel.devices import on_devices

Histories = dict[str, Any]
GOING_ON = ["1 2", pytest.param("2 1", marks=pytest.mark.long), pytest.param("2", marks=pytest.mark.long)]


def histories(directory: Path, devices: str) -> Histories:
    """What a process measured whose processor is two devices; TensorFlow must know that before it computes."""
    command = [sys.executable, "-m", "tests.learning.on_two_devices", str(directory), *devices.split()]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_keras_still_builds_a_network_again_in_the_method_that_is_replaced() -> None:
    assert "self._maybe_symbolic_build(" in inspect.getsource(keras.Model.fit), (
        "Keras no longer calls `_maybe_symbolic_build` in `fit`. If the other tests here pass without its replacement "
        "in worker/training/parallel/steps.py, remove that; otherwise replace what Keras calls now."
    )


def test_another_backend_refuses_several_devices_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with on_devices(1):
        pass
    with pytest.raises(TrainingFailed) as refused:
        on_devices(2)
    assert refused.value.failure.code == "devices_unavailable"
    assert "Keras runs on jax: several devices need TensorFlow" in refused.value.failure.message


@pytest.mark.parametrize("devices", GOING_ON)
def test_losses_are_those_of_one_device_also_when_the_number_changes_within_an_epoch(
    tmp_path: Path, devices: str
) -> None:
    """The batches have 16 pictures and a last one 7; classes have weights, and the network normalizes batches."""
    found = histories(tmp_path, devices)
    one, several = found["one"], found["asked"]
    assert several["loss"] == pytest.approx(one["loss"], abs=1e-5)
    assert several["val_loss"] == pytest.approx(one["val_loss"], abs=1e-5)
    assert several["accuracy"] == pytest.approx(one["accuracy"])
    assert several["val_accuracy"] == pytest.approx(one["val_accuracy"])
    assert several["devices"] == [int(devices[-1])]
    assert one["loss"][1] < one["loss"][0]
    assert found["three"] == "devices_unavailable"


def test_muon_and_a_kernel_that_is_not_trained_learn_as_on_one_device(tmp_path: Path) -> None:
    found = histories(tmp_path, "muon")
    for measured in ("loss", "val_loss"):
        assert found["asked"][measured] == pytest.approx(found["one"][measured], abs=1e-4)
    assert found["one"]["loss"][1] < found["one"]["loss"][0]
