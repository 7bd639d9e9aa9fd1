"""One training on several devices: its losses are those of one device, and it goes on with another number of them."""

import json
import os
import subprocess
import sys

import pytest

from tests.paths import PROJECT

Histories = dict[str, dict[str, list[float]]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Histories:
    """What a process measured whose processor is two devices; TensorFlow must know that before it computes."""
    command = [sys.executable, "-m", "tests.learning.on_two_devices", str(tmp_path_factory.mktemp("two-devices"))]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    histories = json.loads(done.stdout)
    assert isinstance(histories, dict)
    return histories


@pytest.mark.parametrize("devices", ["two", "one, then two", "two, then one"])
def test_losses_are_those_of_one_device(found: Histories, devices: str) -> None:
    """The batches have 16 pictures and a last one 7; classes have weights, and the network normalizes batches."""
    one, several = found["one"], found[devices]
    assert several["loss"] == pytest.approx(one["loss"], abs=1e-5)
    assert several["val_loss"] == pytest.approx(one["val_loss"], abs=1e-5)
    assert several["accuracy"] == pytest.approx(one["accuracy"])
    assert several["val_accuracy"] == pytest.approx(one["val_accuracy"])
    assert one["loss"][1] < one["loss"][0]


def test_a_training_for_more_devices_than_there_are_fails_and_says_so(found: Histories) -> None:
    assert found["three"] == "devices_unavailable"
