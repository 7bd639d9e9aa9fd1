"""The same preparation and the same `fit` on JAX, where it is installed: `pip install jax`, which no lock names."""

import importlib.util
import os
import subprocess
import sys

import pytest

from tests.paths import PROJECT

pytestmark = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")

SCRIPT = """
import keras
from tests.learning.trainings import trained
from tests.plans import SAMPLE, planned
from worker.jobs.errors import TrainingFailed
from worker.training.export import check_exportable
from worker.training.parallel.devices import on_devices
from worker.training.splits import test_split

assert keras.backend.backend() == "jax"
own_recipe = {"optimizer": None, "batch_size": 128, "train_samples": None, "learning_rate_schedule": None}
network, fit = trained(planned(architecture="fast", epochs=2, ema=0.9, early_stopping=True, **own_recipe))
test = test_split(SAMPLE)
loss, accuracy = network.evaluate(test.inputs, test.targets, verbose=0)
assert len(fit.history.val_loss) == 2
assert accuracy > 0.4, accuracy
try:
    check_exportable()
except TrainingFailed as error:
    assert error.failure.code == "export_unavailable", error
else:
    raise AssertionError("JAX cannot export")
try:
    on_devices(2)
except TrainingFailed as error:
    assert error.failure.code == "devices_unavailable", error
    assert "Keras runs on jax" in error.failure.message, error
else:
    raise AssertionError("several devices need TensorFlow")
"""


def test_fast_learns_on_jax_and_the_export_is_refused_beforehand() -> None:
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
