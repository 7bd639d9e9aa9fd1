"""Models that Keras saved answer after their import as they do in Keras."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest

from model_store import Manifest, ModelStore, open_store
from tests.learning.listener import Listener
from worker.architectures import PRESETS
from worker.artifacts import INPUT_TENSOR, LAYERS_FILE, ONNX_FILE, OUTPUT_TENSOR
from worker.datasets import dataset_info
from worker.imports.options import ImportOptions
from worker.jobs.errors import TrainingFailed
from worker.jobs.import_plan import plan_import
from worker.jobs.plan import TrainingPlan
from worker.jobs.plan import plan as planned
from worker.jobs.request import JobRequest
from worker.supervision.messages import Order
from worker.training import pipeline
from worker.training.keras_files import save_keras
from worker.training.network import build_model

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SAME = 1e-5
layers = keras.layers


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return open_store(str(tmp_path / "store"))


def imported(path: Path, directory: Path, store: ModelStore, **options: object) -> Manifest:
    """The version that a whole job makes of a file."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    chosen = ImportOptions.model_validate(options)
    plan = plan_import(chosen, "abc23", "keras", digest, path.stat().st_size, path.name, dataset_info)
    store.imports.put("abc23", path)
    work_dir = directory / "work"
    work_dir.mkdir()
    order = Order(
        job="abc23",
        plan=plan,
        fence=1,
        claimed_at=time.time(),
        store_url=str(directory / "store"),
        datasets_dir=str(directory),
        work_dir=str(work_dir),
    )
    listener = Listener()
    pipeline.run(order, listener)
    return store.manifest(listener.model.name, listener.model.version)


def answers_of(version: Manifest, store: ModelStore, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(store.read(version.model, version.version, ONNX_FILE))
    found: np.ndarray = session.run([OUTPUT_TENSOR], {INPUT_TENSOR: images})[0]
    return found


def with_random_weights(network: keras.Model) -> keras.Model:
    """Weights that let signals through, and moving averages that are not those of a fresh network."""
    random = np.random.default_rng(3)
    for weight in network.weights:
        if "variance" in weight.path or "gamma" in weight.path:
            weight.assign(random.uniform(0.6, 1.4, weight.shape))
        elif len(weight.shape) == 1:
            weight.assign(random.normal(0, 0.1, weight.shape))
    return network


def some_pictures(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(5).random((4, *shape), np.float32)


def lesson() -> keras.Model:
    """A network as the lesson writes it."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(6, 5, padding="same", activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(84, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )


def of_everything() -> keras.Model:
    """Normalization, a model in a model, crossing and uneven things, and logits at the end."""
    inner_in = keras.Input((16, 16, 8))
    inner = layers.SeparableConv2D(8, 3, padding="same", activation="silu")(inner_in)
    inner = layers.Add()([inner_in, layers.BatchNormalization(scale=False)(inner)])
    inner = keras.Model(inner_in, layers.LeakyReLU(0.1)(inner), name="block")
    images = keras.Input((32, 32, 3))
    values = layers.RandomFlip()(images)
    values = layers.Normalization(mean=[120.0, 110.0, 100.0], variance=[3000.0, 3500.0, 4000.0])(values)
    values = layers.ZeroPadding2D(((0, 1), (0, 1)))(values)
    values = layers.Conv2D(8, 3, strides=2, use_bias=False)(values)
    values = layers.ReLU(6.0)(values)
    values = inner(values, training=False)
    parts = [layers.Conv2D(4, 1)(values), layers.MaxPooling2D(3, 1, "same")(values), values]
    values = layers.DepthwiseConv2D(3, depth_multiplier=2)(layers.Concatenate()(parts))
    values = layers.Softmax()(layers.Dense(5)(layers.GlobalMaxPooling2D()(values)))
    return keras.Model(images, values)


@pytest.mark.parametrize("build", [lesson, of_everything])
def test_a_model_of_plain_keras_answers_as_before(
    build: Callable[[], keras.Model], tmp_path: Path, store: ModelStore
) -> None:
    network = with_random_weights(build())
    network.save(tmp_path / "model.keras")
    version = imported(tmp_path / "model.keras", tmp_path, store)
    images = some_pictures(version.input_shape)
    expected = keras.ops.convert_to_numpy(network(255 * images, training=False))
    assert np.abs(answers_of(version, store, images) - expected).max() < SAME
    assert expected.std(axis=0).max() > 1e-3, "the answers do not depend on the pictures"
    assert version.recipe["imported"]["preprocessing"] == "pixels"  # type: ignore[index, call-overload]
    assert {LAYERS_FILE, ONNX_FILE} <= set(version.files)
    assert version.passed_over is None


def of_preset(name: str) -> tuple[keras.Model, TrainingPlan]:
    dataset = "cifar10" if name not in {"lenet5-fashion", "lenet5"} else "fashion_mnist"
    plan = planned(JobRequest.model_validate({"architecture": name, "dataset": dataset, "epochs": 1}))
    info = dataset_info(dataset)
    return with_random_weights(build_model(plan.network, info.image_shape, len(info.classes))), plan


def without_usual_strides(layer: dict[str, Any]) -> dict[str, Any]:
    """A layer as an import describes it: strides of a pooling that are its window's size go without saying."""
    if "pooling" in layer["type"] and layer.get("strides") == layer.get("pool_size", 2):
        return {name: value for name, value in layer.items() if name != "strides"}
    return layer


def _round_trip(name: str, directory: Path, store: ModelStore) -> None:
    network, plan = of_preset(name)
    save_keras(network, plan, directory / "model.keras", with_optimizer=False)
    version = imported(directory / "model.keras", directory, store)
    images = some_pictures(version.input_shape)
    expected = keras.ops.convert_to_numpy(network(images, training=False))
    assert np.abs(answers_of(version, store, images) - expected).max() < SAME
    expected_layers = plan.network.model_dump(mode="json", exclude_defaults=True)["layers"]
    assert version.architecture["layers"] == [without_usual_strides(layer) for layer in expected_layers]


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_makes_the_round_trip(name: str, tmp_path: Path, store: ModelStore) -> None:
    _round_trip(name, tmp_path, store)


@pytest.mark.long
@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNet", "ResNet50"])
def test_networks_of_keras_applications_answer_as_before(name: str, tmp_path: Path, store: ModelStore) -> None:
    network = with_random_weights(getattr(keras.applications, name)(weights=None, input_shape=(96, 96, 3), classes=7))
    network.save(tmp_path / "model.keras")
    version = imported(tmp_path / "model.keras", tmp_path, store, preprocessing="symmetric")
    images = some_pictures(version.input_shape)
    expected = keras.ops.convert_to_numpy(network(2 * images - 1, training=False))
    assert np.abs(answers_of(version, store, images) - expected).max() < SAME


@pytest.mark.long
def test_a_network_with_squeeze_and_excitation_is_refused_by_the_layer(tmp_path: Path, store: ModelStore) -> None:
    keras.applications.EfficientNetB0(weights=None, input_shape=(64, 64, 3), classes=3).save(tmp_path / "model.keras")
    with pytest.raises(TrainingFailed, match=r"Layer 'block1a_se_excite' \(Multiply\)"):
        imported(tmp_path / "model.keras", tmp_path, store)
