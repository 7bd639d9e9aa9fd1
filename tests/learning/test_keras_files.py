"""A published `model.keras` is compiled: someone who opens it in plain Keras can call, evaluate and train it on."""

import json
import warnings
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.plans import SAMPLE, planned
from worker.architectures import PRESETS
from worker.training.keras_files import save_keras, save_trained
from worker.training.preparation import build_network, prepare

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = {
    "layers": [
        {"type": "conv2d", "filters": 4, "kernel_size": 3, "activation": "relu"},
        {"type": "batch_normalization"},
        {"type": "flatten"},
        {"type": "dense", "units": "classes", "activation": "softmax"},
    ]
}
PLANS: dict[str, dict[str, object]] = {
    "mixed precision": {"optimizer": {"name": "adam", "learning_rate": 0.02}, "precision": "mixed_bfloat16"},
    "a schedule": {"optimizer": {"name": "adamw", "weight_decay": 0.01}, "learning_rate_schedule": "cosine"},
    "a moving average": {"optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": True}, "ema": 0.99},
    "a mean square": {"optimizer": {"name": "rmsprop", "momentum": 0.5}},
    "nothing kept": {"optimizer": "sgd"},
}


@pytest.mark.parametrize("body", PLANS.values(), ids=PLANS)
def test_a_file_without_the_optimizer_s_state_is_compiled_all_the_same(body: dict[str, object], tmp_path: Path) -> None:
    plan = planned(architecture=SMALL, **body)
    network = build_network(plan, SAMPLE, "float32")
    path = tmp_path / "model.keras"
    save_keras(network, plan, path, with_optimizer=False)
    assert [file.name for file in tmp_path.iterdir()] == ["model.keras"]

    images, targets = np.zeros((8, 28, 28, 1), np.float32), np.eye(10, dtype=np.float32)[:8]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras's, of missing state and of another structure
        opened = keras.saving.load_model(path, safe_mode=True)
        np.testing.assert_allclose(opened(images), network(images), atol=1e-6)
        loss, _ = opened.evaluate(images, targets, verbose=0)
        opened.fit(images, targets, epochs=1, verbose=0)
    assert loss > 0
    assert type(opened.optimizer).__name__.lower() == plan.optimizer.name
    assert type(opened.optimizer).__module__.startswith("keras.")
    assert opened.optimizer.get_config()["learning_rate"] == pytest.approx(plan.optimizer.learning_rate)
    assert int(opened.optimizer.iterations) == 1


def test_a_network_of_muon_s_with_fixed_kernels_opens_without_this_program(tmp_path: Path) -> None:
    stem = {"type": "conv2d", "filters": 8, "kernel_size": 2, "kernel_initializer": "whitening"}
    plan = planned(architecture={"layers": [stem, *SMALL["layers"]]}, optimizer="muon")
    network = prepare(plan, SAMPLE).network
    assert "conv2d/kernel" not in {variable.path for variable in network.trainable_variables}
    save_trained(network, plan, tmp_path / "model.keras")
    images, targets = np.zeros((8, 28, 28, 1), np.float32), np.eye(10, dtype=np.float32)[:8]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        opened = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        np.testing.assert_allclose(opened(images), network(images), atol=1e-6)
        opened.fit(images, targets, epochs=1, verbose=0)
    assert type(opened.optimizer).__module__.startswith("keras.")


def test_the_state_of_a_fresh_optimizer_takes_no_space(tmp_path: Path) -> None:
    plan = planned(architecture=SMALL, optimizer="adam")
    network = build_network(plan, SAMPLE, "float32")
    save_keras(network, plan, tmp_path / "model.keras", with_optimizer=False)
    weights_bytes = 4 * network.count_params()
    assert (tmp_path / "model.keras").stat().st_size < 1.5 * weights_bytes
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert sorted(archive.namelist()) == ["config.json", "metadata.json", "model.weights.h5"]
        config = json.loads(archive.read("config.json"))
    assert config["compile_config"]["optimizer"]["module"] == "keras.optimizers"


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_file_of_every_preset_is_compiled_and_opens_without_a_warning(name: str, tmp_path: Path) -> None:
    narrow = {"width": 0.1, "input_size": 67 if name == "alexnet" else 32}
    plan = planned(architecture=name, overrides=narrow, optimizer=None, batch_size=None)
    network = prepare(plan, SAMPLE).network

    save_trained(network, plan, tmp_path / "model.keras")

    images, targets = SAMPLE.test_images[:2] / np.float32(255), np.eye(10, dtype=np.float32)[:2]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        opened = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        answers = opened(images)
        opened.run_eagerly = True  # tracing takes most of the time of a small evaluation
        loss, accuracy = opened.evaluate(images, targets, verbose=0)
        np.testing.assert_allclose(opened.predict(images, verbose=0), answers, atol=1e-5)
    assert loss > 0
    assert 0 <= accuracy <= 1
