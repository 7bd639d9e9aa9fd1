"""Steps in a loop of TensorFlow's graph are those of Keras's `fit`, to the bit."""

from typing import Any

import keras
import numpy as np
import pytest

from tests.learning.trainings import trained
from tests.plans import SAMPLE, planned
from worker.jobs.records import Progress
from worker.training import fitting, graph_loops
from worker.training.fitting import Training
from worker.training.graph_loops import can_loop
from worker.training.preparation import prepare
from worker.training.whole_map_kernels import trained_as_dense

# Keras variables do not know the `copy` of numpy 2 yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LAYERS = [
    {"type": "conv2d", "filters": 4, "kernel_size": 3, "strides": 2, "use_bias": False},
    {"type": "batch_normalization"},
    {"type": "activation", "activation": "relu"},
    {"type": "dropout", "rate": 0.2},
    {"type": "flatten"},
    {"type": "dense", "units": "classes", "activation": "softmax"},
]
PLANS: list[dict[str, Any]] = [
    {},
    {"ema": 0.9, "class_weights": "balanced", "augmentation": {"horizontal_flip": True}},
    {"precision": "mixed_bfloat16", "learning_rate_schedule": {"name": "cosine"}},
]


@pytest.mark.parametrize("options", PLANS)
def test_weights_and_history_are_those_of_keras(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]) -> None:
    plan = planned(architecture={"layers": LAYERS}, train_samples=300, **options)  # the last batch is a small one
    network, fit = trained(plan, SAMPLE)
    monkeypatch.setattr(fitting, "can_loop", lambda _: False)
    expected, expected_fit = trained(plan, SAMPLE)
    assert fit.history == expected_fit.history
    for one, other in zip(network.get_weights(), expected.get_weights(), strict=True):
        assert np.array_equal(one, other)


def told_progress(monkeypatch: pytest.MonkeyPatch, epochs: int, call_s: float) -> tuple[list[Progress], int]:
    """What a training reports if it reports after every call, and the steps of an epoch."""
    monkeypatch.setattr("worker.training.callbacks.REPORT_EVERY_S", 0)
    monkeypatch.setattr(graph_loops, "CALL_S", call_s)
    told: list[Progress] = []
    plan = planned(epochs=epochs)
    prepared = prepare(plan, SAMPLE)
    data, validation = prepared.data, prepared.validation
    Training(prepared.network, data, validation, plan, None, lambda progress, _: told.append(progress)).run()
    return told, data.steps_per_epoch


def test_progress_counts_the_steps_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    told, last = told_progress(monkeypatch, epochs=2, call_s=1e9)
    steps = [(each.epoch, each.step) for each in told]
    assert steps == [(1, 1), (1, last), (1, last), (2, last), (2, last)]
    assert told[-1].eta_s == 0


def test_a_call_is_one_step_where_steps_are_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    told, last = told_progress(monkeypatch, epochs=1, call_s=0)
    assert [each.step for each in told] == [*range(1, last + 1), last]


def test_other_backends_and_gpus_keep_the_loop_of_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    assert can_loop(network)
    monkeypatch.setattr(graph_loops, "device", lambda: "gpu")
    assert not can_loop(network)
    monkeypatch.setattr(graph_loops, "device", lambda: "cpu")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert not can_loop(network)


def test_a_kernel_that_covers_its_input_is_a_dense_layer_while_it_is_trained() -> None:
    images = keras.Input((7, 6, 2))
    maps = keras.layers.Conv2D(3, 3, name="slides")(images)
    answers = keras.layers.Conv2D(4, (5, 4), activation="tanh", name="covers")(maps)
    network = keras.Model(images, answers)
    inputs = np.random.default_rng(1).random((5, 7, 6, 2), np.float32)
    expected = np.asarray(network(inputs))
    with trained_as_dense(network):
        ways = {name: "convolution_op" in vars(network.get_layer(name)) for name in ("slides", "covers")}
        found = np.asarray(network(inputs))
    assert ways == {"slides": False, "covers": True}
    assert found.shape == expected.shape == (5, 1, 1, 4)
    assert np.allclose(found, expected, atol=1e-6)
    assert "convolution_op" not in vars(network.get_layer("covers"))
    assert network.get_layer("covers").convolution_op.__self__ is network.get_layer("covers")


@pytest.mark.parametrize(
    "changed", [{"padding": "same"}, {"groups": 2}, {"dilation_rate": 2, "kernel_size": 2}, {"kernel_size": 2}]
)
def test_other_convolutions_stay(changed: dict[str, Any]) -> None:
    images = keras.Input((3, 3, 2))
    layer = keras.layers.Conv2D(**({"filters": 2, "kernel_size": 3} | changed))
    network = keras.Model(images, layer(images))
    with trained_as_dense(network):
        assert "convolution_op" not in vars(layer)
