"""Early stopping: when it stops, which epoch it keeps, and that an interruption changes nothing of it."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from model_store import open_store
from tests.learning.trainings import trained
from tests.plans import SAMPLE, planned
from worker.doctor.facts import RunFacts
from worker.jobs.errors import TrainingPaused
from worker.jobs.plan import TrainingPlan
from worker.jobs.records import History
from worker.training import doctoring
from worker.training.checkpoints import Account, Checkpoints
from worker.training.evaluation import evaluate
from worker.training.fitting import Fit
from worker.training.splits import training_splits

# Keras 3.15 reads TensorFlow variables with `np.array(variable)`, which NumPy 2 no longer likes.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
# Labels drawn by lot cannot be learnt, only memorised: validation is best early on and then gets worse and worse.
BY_LOT = dataclasses.replace(SAMPLE, train_labels=np.random.default_rng(1).permutation(SAMPLE.train_labels))
NETWORK = {
    "layers": [
        {"type": "flatten"},
        {"type": "dense", "units": 32, "activation": "relu"},
        {"type": "dropout", "rate": 0.1},
        {"type": "dense", "units": "classes", "activation": "softmax"},
    ]
}
EPOCHS, PATIENCE = 12, 3


def memorising(**body: object) -> TrainingPlan:
    return planned(architecture=NETWORK, epochs=EPOCHS, validation=0.3, train_samples=300, **body)


INTERRUPTED = memorising(early_stopping={"patience": PATIENCE}, ema=0.9, augmentation={"shift_pixels": 1})


def validation_loss(network: keras.Model, plan: TrainingPlan) -> float:
    _, validation = training_splits(BY_LOT, plan)
    loss: float = network.evaluate(validation.inputs, validation.targets, verbose=0)[0]
    return loss


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_training_stops_when_patience_is_at_an_end_and_leaves_the_best_weights(ema: float) -> None:
    plan = memorising(early_stopping={"patience": PATIENCE}, ema=ema)

    network, fit = trained(plan, BY_LOT)

    losses = fit.history.val_loss
    assert fit.history.best_epoch == losses.index(min(losses)) + 1
    assert len(losses) == fit.history.best_epoch + PATIENCE < EPOCHS
    assert validation_loss(network, plan) == pytest.approx(min(losses), rel=1e-5)


def test_without_early_stopping_the_best_epoch_is_marked_and_the_last_one_kept() -> None:
    plan = memorising()

    network, fit = trained(plan, BY_LOT)

    losses = fit.history.val_loss
    assert len(losses) == EPOCHS
    assert fit.history.best_epoch == losses.index(min(losses)) + 1 < EPOCHS
    assert validation_loss(network, plan) == pytest.approx(losses[-1], rel=1e-5)


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_training_that_is_asked_to_finish_ends_at_once_with_the_weights_of_its_best_epoch(ema: float) -> None:
    plan = memorising(ema=ema)

    network, fit = trained(plan, BY_LOT, finish_after=7 * 8 + 2)

    losses = fit.history.val_loss
    assert len(losses) == 9  # eight whole epochs, and three batches of the next one
    assert fit.history.best_epoch == losses.index(min(losses)) + 1 < 9
    assert fit.is_best_kept
    assert validation_loss(network, plan) == pytest.approx(min(losses), rel=1e-5)


def test_the_doctor_looks_at_the_epoch_that_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(
        loss=(1, 0.5, 0.2), val_loss=(1, 0.8, 2), accuracy=(0.5,) * 3, val_accuracy=(0.5,) * 3, best_epoch=2
    )
    finished = Fit(Account(history=history), None, is_best_kept=True)
    n_test, n_classes = len(SAMPLE.test_labels), len(SAMPLE.info.classes)
    guesses = evaluate(np.full((n_test, n_classes), 1 / n_classes, np.float32), SAMPLE.test_labels, SAMPLE.info.classes)
    seen: list[RunFacts] = []
    monkeypatch.setattr(doctoring, "diagnose", seen.append)

    for fit in (finished, dataclasses.replace(finished, is_best_kept=False)):
        doctoring.examine(memorising(), SAMPLE, fit, guesses, tmp_path)

    assert [facts.published_epoch + 1 for facts in seen] == [2, 3]


@pytest.fixture(scope="module")
def undisturbed() -> tuple[keras.Model, Fit]:
    return trained(INTERRUPTED, BY_LOT)


# An epoch has seven batches; a pause asked for behind the last one comes in the next epoch.
@pytest.mark.parametrize("pause_after", [0, 6, pytest.param(20, marks=pytest.mark.long), 29])
def test_an_interruption_changes_nothing(
    tmp_path: Path, undisturbed: tuple[keras.Model, Fit], pause_after: int
) -> None:
    with pytest.raises(TrainingPaused):
        resumed(INTERRUPTED, tmp_path, fence=1, pause_after=pause_after)
    network, fit = resumed(INTERRUPTED, tmp_path, fence=2)

    whole, expected = undisturbed
    # The sums behind an epoch's mean go on in another order of additions.
    np.testing.assert_allclose(fit.history.loss, expected.history.loss, rtol=1e-5)
    np.testing.assert_allclose(fit.history.val_loss, expected.history.val_loss, rtol=1e-5)
    assert fit.history.best_epoch == expected.history.best_epoch
    for ours, theirs in zip(network.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_training_that_was_stopped_early_stays_so(tmp_path: Path) -> None:
    plan = memorising(early_stopping={"patience": PATIENCE})
    network, fit = resumed(plan, tmp_path, fence=1)

    again, same = resumed(plan, tmp_path, fence=2)

    assert same.history == fit.history
    assert same.first_step_at is None
    for ours, theirs in zip(again.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def resumed(plan: TrainingPlan, directory: Path, fence: int, pause_after: int | None = None) -> tuple[keras.Model, Fit]:
    store = open_store(str(directory / "store")).checkpoints
    checkpoints = Checkpoints(store, "k3v9x2m7qd", fence, directory, BY_LOT.fingerprint)
    return trained(plan, BY_LOT, checkpoints, pause_after)
