"""One operation per variable does what Keras's Adam does."""

import keras
import numpy as np
import pytest

from worker.jobs.plan import plan
from worker.jobs.request import JobRequest
from worker.training.compiling import compile_afresh, compile_network, inner_optimizer
from worker.training.fused_adam import fuse_adam

CHANCE = np.random.default_rng(1)
INPUTS, TARGETS = CHANCE.random((96, 12), np.float32), np.eye(3, dtype=np.float32)[CHANCE.integers(0, 3, 96)]
OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.01, beta_1=0.8, epsilon=1e-5),
    "adamw": lambda: keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(0.02, 12), weight_decay=0.05),
    "with a moving average": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9),
    "in float16": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
}


def trained(name: str, *, is_fused: bool, eagerly: bool = False) -> keras.Model:
    keras.utils.clear_session()  # names count from one again
    keras.utils.set_random_seed(1)
    network = keras.Sequential(
        [keras.Input((12,)), keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(3, activation="softmax")]
    )
    network.compile(OPTIMIZERS[name](), "categorical_crossentropy", run_eagerly=eagerly)
    if is_fused:
        fuse_adam(network, inner_optimizer(network))
    network.fit(INPUTS, TARGETS, batch_size=16, epochs=2, shuffle=False, verbose=0)
    return network


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_and_the_state_of_the_optimizer_are_those_of_keras(name: str) -> None:
    expected, found = trained(name, is_fused=False), trained(name, is_fused=True)
    for one, other in zip(expected.get_weights(), found.get_weights(), strict=True):
        assert np.allclose(one, other, atol=2e-6)
    for one, other in zip(expected.optimizer.variables, found.optimizer.variables, strict=True):
        assert np.allclose(one.numpy(), other.numpy(), atol=2e-6), one
    assert found.optimizer.get_config() == expected.optimizer.get_config()


def test_without_a_graph_it_is_the_same() -> None:
    expected, found = trained("adam", is_fused=False), trained("adam", is_fused=True, eagerly=True)
    for one, other in zip(expected.get_weights(), found.get_weights(), strict=True):
        assert np.allclose(one, other, atol=2e-6)


def test_the_optimizer_of_a_training_updates_so() -> None:
    planned = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", optimizer="adam"))
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation="softmax")])
    compile_network(network, planned, 3)
    assert not hasattr(network.optimizer.update_step, "__self__")  # no method of Keras
    compile_afresh(network, planned)
    assert network.optimizer.update_step.__self__ is network.optimizer


@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD(), keras.optimizers.Adam(amsgrad=True)])
def test_other_optimizers_stay_as_they_are(optimizer: keras.optimizers.Optimizer) -> None:
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    network.compile(optimizer, "mse")
    fuse_adam(network, inner_optimizer(network))
    assert network.optimizer.update_step.__self__ is optimizer


def test_keras_has_the_private_parts_that_are_relied_on() -> None:
    layer = keras.layers.Dense(2)
    layer(keras.Input((3,)))
    for optimizer in (keras.optimizers.Adam(), keras.optimizers.AdamW()):
        optimizer.build(layer.trainable_variables)
        parts = {"_momentums", "_velocities", "_get_variable_index"}
        assert parts <= set(dir(optimizer)), (
            "Keras has changed: adapt worker/training/fused_adam.py, or drop it and let Keras's own update_step run; "
            "worker/training/muon/optimizer.py uses _get_variable_index, too"
        )
    assert [node.operation for node in layer._outbound_nodes] == [], (
        "Keras has changed: adapt worker/training/muon/roles.py, which follows a network's graph by it"
    )
