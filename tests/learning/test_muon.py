"""Muon moves kernels by orthogonal steps, leaves the rest to Adam, and keeps its state like Keras's own optimizers."""

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from model_store import open_store
from tests.learning.trainings import trained
from tests.plans import SAMPLE, planned
from worker.jobs.errors import TrainingPaused
from worker.training.checkpoints import Checkpoints
from worker.training.compiling import inner_optimizer
from worker.training.muon.optimizer import Muon
from worker.training.muon.orthogonal import orthogonal, orthogonal_kernel
from worker.training.muon.roles import roles_of
from worker.training.network_state import state_of
from worker.training.preparation import prepare

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NETWORK = {
    "layers": [
        {"type": "conv2d", "filters": 6, "kernel_size": 3, "use_bias": False, "kernel_initializer": "identity"},
        {"type": "max_pooling2d", "pool_size": 4},
        {"type": "batch_normalization"},
        {"type": "activation", "activation": "relu"},
        {"type": "depthwise_conv2d", "kernel_size": 3},
        {"type": "flatten"},
        {"type": "dense", "units": 8, "activation": "relu"},
        {"type": "dense", "units": "classes", "activation": "softmax"},
    ]
}
MUON = {"name": "muon", "learning_rate": 0.05, "momentum": 0.6, "nesterov": True, "others_rate": 0.01}


def random(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (16, 200)])
def test_the_singular_values_of_a_step_are_about_one(shape: tuple[int, int]) -> None:
    gradient = 1e-4 * random(*shape)
    step = keras.ops.convert_to_numpy(orthogonal(gradient))
    values = np.linalg.svd(step, compute_uv=False)
    assert 0.6 < values.min() <= values.max() < 1.25
    # The same singular vectors: the step points where the gradient points, in every direction.
    left, _, right = np.linalg.svd(gradient, full_matrices=False)
    turned = left.T @ step @ right.T
    assert np.abs(turned - np.diag(np.diag(turned))).max() < 1e-3


def test_a_convolution_is_a_matrix_with_a_row_for_each_filter() -> None:
    kernel = random(3, 3, 5, 7)
    step = keras.ops.convert_to_numpy(orthogonal_kernel(kernel))
    flat = keras.ops.convert_to_numpy(orthogonal(kernel.reshape(45, 7)))
    assert step == pytest.approx(flat.reshape(3, 3, 5, 7), abs=1e-6)


@pytest.mark.parametrize("shape", [(3, 3, 8, 16), (1, 1, 4, 64), (20, 5)])
def test_a_step_changes_every_filter_about_equally_whatever_the_kernels_shape(shape: tuple[int, ...]) -> None:
    step = keras.ops.convert_to_numpy(orthogonal_kernel(random(*shape)))
    assert np.linalg.norm(step) == pytest.approx(shape[-1] ** 0.5, rel=0.25)


def test_kernels_before_the_last_layer_take_orthogonal_steps() -> None:
    roles = roles_of(prepare(planned(architecture=NETWORK, optimizer=MUON), SAMPLE).network)
    assert roles.kernels == ("conv2d/kernel", "dense/kernel")
    assert roles.normalized == ("conv2d/kernel",)  # the norm of the dense layer's kernel matters


def test_the_norm_is_reset_only_where_it_does_not_matter() -> None:
    optimizer = Muon(0.01, kernels=["reset", "kept"], normalized=["reset"])
    variables = [keras.Variable(5 * random(4, 9), name=name) for name in ("reset", "kept")]
    optimizer.build(variables)
    optimizer.apply_gradients([(0.1 * random(4, 9), variable) for variable in variables])
    norms = [float(np.linalg.norm(np.array(variable))) for variable in variables]
    assert norms[0] == pytest.approx(3.0, rel=0.05)
    assert norms[1] == pytest.approx(5 * np.linalg.norm(random(4, 9)), rel=0.05)


def test_all_other_variables_follow_adam() -> None:
    ours = Muon(0.5, others_share=0.02)
    adam = keras.optimizers.Adam(0.01, beta_1=0.9, beta_2=0.99, epsilon=1e-8)
    ends = []
    for optimizer in (ours, adam):
        variable = keras.Variable(random(7), name="bias")
        optimizer.build([variable])
        for number in range(1, 4):
            optimizer.apply_gradients([(number * random(7), variable)])
        ends.append(np.array(variable))
    assert ends[0] == pytest.approx(ends[1], abs=1e-5)


def test_it_is_rebuilt_from_its_configuration() -> None:
    optimizer = Muon(0.3, 0.7, nesterov=False, others_share=0.2, kernels=["a", "b"], normalized=["b"], weight_decay=0.1)
    again = Muon.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()


def test_a_network_learns_with_it() -> None:
    network, fit = trained(planned(architecture=NETWORK, optimizer=MUON, epochs=3))
    assert isinstance(inner_optimizer(network), Muon)
    assert fit.history.loss[-1] < 0.8 * fit.history.loss[0]
    assert fit.history.accuracy[-1] > 0.5


def test_an_interruption_changes_nothing(tmp_path: Path) -> None:
    plan = planned(architecture="fast", optimizer=None, batch_size=None, train_samples=80, epochs=2, seed=1)
    whole, _ = trained(plan)
    with pytest.raises(TrainingPaused):
        trained(plan, checkpoints=checkpoints(tmp_path, fence=1), pause_after=10)
    resumed, _ = trained(plan, checkpoints=checkpoints(tmp_path, fence=2))
    for ours, theirs in zip(state_of(resumed).values(), state_of(whole).values(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def checkpoints(directory: Path, fence: int) -> Checkpoints:
    return Checkpoints(open_store(str(directory)).checkpoints, "k3v9x2m7qd", fence, directory, SAMPLE.fingerprint)


def test_whitening_filters_stay_as_they_are_and_their_bias_learns() -> None:
    plan = planned(architecture="fast", optimizer=None, batch_size=None, train_samples=80, epochs=1, seed=1)
    before = prepare(plan, SAMPLE).network.get_layer("conv2d").get_weights()
    after = trained(plan)[0].get_layer("conv2d").get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert np.abs(before[1] - after[1]).max() > 1e-4
