"""What the options of a request do to a real training, and that the same seed gives the same one."""

import keras
import numpy as np
import pytest

from tests.learning.trainings import trained
from tests.plans import SAMPLE, planned
from worker.recipe.schedules import rate
from worker.training import splits
from worker.training.preparation import prepare

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def accuracy(network: keras.Model) -> float:
    test = splits.test_split(SAMPLE)
    answers = np.asarray(network.predict(test.inputs, batch_size=256, verbose=0))
    return float((answers.argmax(axis=1) == SAMPLE.test_labels).mean())


# On 2 cores each takes seconds; chance is 0.1.
@pytest.mark.parametrize(
    ("architecture", "body", "least"),
    [
        ("cnn", {"epochs": 2, "train_samples": 2000}, 0.55),
        pytest.param("cnn-wide", {"epochs": 2, "train_samples": 600}, 0.4, marks=pytest.mark.long),
        ("lenet5", {"epochs": 2, "train_samples": 2000}, 0.5),
    ],
)
def test_a_network_of_the_lesson_learns_the_sample(architecture: str, body: dict[str, int], least: float) -> None:
    network, _ = trained(planned(architecture=architecture, **body))
    assert accuracy(network) > least


def test_the_same_seed_gives_the_same_history_and_another_seed_another() -> None:
    augmentation = {"horizontal_flip": True, "shift_pixels": 2}
    plan = planned(architecture="lenet5", augmentation=augmentation, train_samples=300)
    first, again = trained(plan)[1].history, trained(plan)[1].history
    other = trained(plan.model_copy(update={"seed": 2}))[1].history
    assert first == again
    assert first.loss != other.loss


@pytest.mark.parametrize(
    "schedule",
    [
        "step",
        "exponential",
        "cosine",
        "one_cycle",
        {"name": "constant", "warmup": 0.3},
        {"name": "one_cycle", "shape": "linear"},
    ],
)
def test_keras_trains_at_the_rates_that_numpy_draws(schedule: object) -> None:
    plan = planned(epochs=3, learning_rate_schedule=schedule)
    prepared = prepare(plan, SAMPLE)
    steps = prepared.data.steps_per_epoch
    optimizer = prepared.network.optimizer
    for step in (0, 1, steps - 1, steps, steps + 1, 2 * steps, 3 * steps - 1):
        optimizer.iterations.assign(step)
        expected = rate(plan.learning_rate_schedule, 0.001, step, 3, steps)
        assert float(optimizer.learning_rate) == pytest.approx(expected, rel=1e-4, abs=1e-10)


def test_a_moving_average_is_what_is_validated_and_left() -> None:
    plan = planned(ema=0.95, validation="test", train_samples=300)
    network, fit = trained(plan)
    raw, _ = trained(planned(validation="test", train_samples=300))
    assert accuracy(network) == pytest.approx(fit.history.val_accuracy[-1], abs=1e-6)
    assert any((ours != theirs).any() for ours, theirs in zip(network.get_weights(), raw.get_weights(), strict=True))


def test_a_weight_of_zero_keeps_a_class_from_being_learnt() -> None:
    trousers = SAMPLE.info.classes.index("Trouser")
    network, _ = trained(planned(class_weights={"Trouser": 0}, train_samples=2000))
    answers = network.predict(splits.test_split(SAMPLE).inputs, batch_size=256, verbose=0).argmax(axis=1)
    assert (answers == trousers).sum() == 0


def test_mixed_precision_trains_in_the_small_type_and_keeps_its_weights_in_float32() -> None:
    network, fit = trained(planned(precision="mixed_bfloat16"))
    assert network.get_layer("conv2d").compute_dtype == "bfloat16"
    assert {str(weight.dtype) for weight in network.weights} == {"float32"}
    assert fit.history.loss[-1] < fit.history.loss[0]
    assert keras.config.dtype_policy().name == "float32"
