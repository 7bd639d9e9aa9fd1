"""Trainings on top of learned weights: pretrained ones and those of a published version."""

import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from model_store import ModelStore, open_store
from tests.learning.listener import Listener
from tests.plans import SAMPLE, planned
from worker.datasets import Dataset, DatasetUnavailable
from worker.jobs.errors import TrainingFailed, TrainingPaused
from worker.jobs.plan import TrainingPlan
from worker.pretrained import imagenet
from worker.recipe.options import Augmentation
from worker.supervision.messages import Order
from worker.training import graph_loops, pipeline
from worker.training.checkpoints import Checkpoints
from worker.training.fitting import Fit
from worker.training.preparation import build_network
from worker.training.transfer import features
from worker.training.transfer.head_work import head_work
from worker.training.transfer.parts import divide
from worker.training.transfer.stages import train_on_learned_weights
from worker.training.transfer.weights import give_learned_weights

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

KINDS = ("top", "shoe")
TWO_KINDS = replace(
    SAMPLE,
    info=SAMPLE.info.model_copy(update={"classes": KINDS, "train_per_class": (1, 1), "test_per_class": (1, 1)}),
    train_labels=np.isin(SAMPLE.train_labels, (5, 7, 9)).astype(np.int64),
    test_labels=np.isin(SAMPLE.test_labels, (5, 7, 9)).astype(np.int64)[:100],
    test_images=SAMPLE.test_images[:100],
)
"""The sample with two classes instead of ten."""


def run(plan: TrainingPlan, directory: Path, job: str, dataset: Dataset = TWO_KINDS) -> Listener:
    listener = Listener()
    pipeline.run_on(dataset, order_of(plan, directory, job), listener)
    return listener


def trained(
    plan: TrainingPlan, directory: Path, job: str, pause_at: int | None = None, finish_after: int | None = None
) -> tuple[keras.Model, Fit, Listener]:
    """Everything but evaluating and publishing, which are the same for every training and take longest."""
    order, listener = order_of(plan, directory, job), Listener(pause_at, finish_after)
    kept = open_store(order.store_url).checkpoints
    checkpoints = Checkpoints(kept, job, 1, Path(order.work_dir), TWO_KINDS.fingerprint)
    network, fit = train_on_learned_weights(order, TWO_KINDS, listener, checkpoints)
    return network, fit, listener


def order_of(plan: TrainingPlan, directory: Path, job: str) -> Order:
    work_dir = directory / f"{job}-{time.monotonic_ns()}"
    work_dir.mkdir()
    return Order(
        job=job,
        plan=plan,
        fence=1,
        claimed_at=time.time(),
        store_url=str(directory / "store"),
        datasets_dir=str(directory),
        work_dir=str(work_dir),
    )


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("transfer")


@pytest.fixture(scope="module")
def store(directory: Path) -> ModelStore:
    return open_store(str(directory / "store"))


EFFICIENT: dict[str, object] = {
    "architecture": "efficientnet-lite0",
    "overrides": {"input_size": 64},
    "model": "kinds",
    "train_samples": 100,
    "epochs": 8,
    "batch_size": 8,
}


@pytest.fixture(scope="module")
def pretrained(directory: Path) -> Listener:
    return run(planned(**EFFICIENT), directory, "pretrained")


def test_a_head_on_imagenet_features_learns_from_a_hundred_pictures(pretrained: Listener, store: ModelStore) -> None:
    manifest = store.manifest("kinds", 1)

    assert (pretrained.model.test_accuracy or 0) > 0.95
    assert manifest.parity < 1e-4
    assert (manifest.recipe["weights"], manifest.recipe["train"]) == ("imagenet", "head")
    assert len(pretrained.history.val_accuracy) == 8
    assert {"doubtful-labels.json", "doubtful-labels.png"} <= manifest.files.keys()


def test_the_features_are_part_of_the_progress(pretrained: Listener) -> None:
    about_features = [progress for progress in pretrained.told if progress.message]

    assert about_features[-1].message == "features of 100 of 100 pictures"
    assert {(progress.phase, progress.steps) for progress in about_features} == {("preparing", 100)}


def network_of(store: ModelStore, directory: Path, model: str, version: int) -> keras.Model:
    path = directory / "read.keras"
    path.write_bytes(store.read(model, version, "model.keras"))
    return keras.saving.load_model(path)


@pytest.fixture(scope="module")
def backbone(directory: Path) -> Listener:
    """A network that knows ten classes."""
    return run(planned(model="clothes", epochs=1), directory, "backbone00", SAMPLE)


def body(**changes: object) -> TrainingPlan:
    # The plan is made without a store; the version is known to fit.
    plan = planned(model="kinds2", train_samples=200, epochs=4, batch_size=16)
    return plan.model_copy(update={"initial_model": "clothes/1", "train": "head", **changes})


@pytest.fixture(scope="module")
def head_only(backbone: Listener, directory: Path) -> tuple[keras.Model, Fit, Listener]:
    return trained(body(), directory, "headonly00")


def test_a_published_version_is_a_backbone_for_other_classes(
    head_only: tuple[keras.Model, Fit, Listener], store: ModelStore, directory: Path
) -> None:
    before, (after, fit, _) = network_of(store, directory, "clothes", 1), head_only
    assert fit.history.val_accuracy[-1] > 0.9
    assert after.output_shape == (None, 2)
    for layer in before.layers[1:-1]:
        for old, new in zip(layer.get_weights(), after.get_layer(layer.name).get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)


def test_another_head_needs_no_features_to_be_computed(
    head_only: tuple[keras.Model, Fit, Listener], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features.FeatureMaker, "_compute", lambda *_: pytest.fail("features were computed again"))
    plan = body(optimizer=planned(optimizer={"name": "adam", "learning_rate": 0.01}).optimizer)

    _, again, _ = trained(plan, directory, "otherhead0")

    assert again.history.loss[-1] < head_only[1].history.loss[-1]


@pytest.fixture(scope="module")
def last_blocks(backbone: Listener, directory: Path) -> tuple[keras.Model, Fit, Listener]:
    return trained(body(train="last_blocks"), directory, "lastblocks")


def test_the_last_blocks_are_trained_after_the_head(
    last_blocks: tuple[keras.Model, Fit, Listener], store: ModelStore, directory: Path
) -> None:
    before, (after, fit, listener) = network_of(store, directory, "clothes", 1), last_blocks
    changed = {
        layer.name
        for layer in before.layers[1:-1]
        if layer.weights and not np.array_equal(layer.get_weights()[0], after.get_layer(layer.name).get_weights()[0])
    }
    assert changed == {"dense"}
    assert len(fit.history.loss) == 4
    assert fit.history.learning_rate == pytest.approx([0.001, 0.001, 0.0001, 0.0001])
    assert {progress.epoch for progress in listener.told if progress.phase == "training"} == {1, 2, 3, 4}


@pytest.mark.parametrize("finish_after", [1, 2])
def test_an_end_that_is_asked_for_while_the_head_is_trained_publishes_the_head(
    backbone: Listener, directory: Path, store: ModelStore, finish_after: int
) -> None:
    plan = body(train="last_blocks")
    assert plan.head_epochs == 2
    before = network_of(store, directory, "clothes", 1)

    after, fit, _ = trained(plan, directory, f"finished-{finish_after}", finish_after=finish_after)

    assert len(fit.history.loss) == 2  # of an epoch that was begun, one batch is trained, and it is validated
    for layer in before.layers[1:-1]:
        for found, expected in zip(after.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
            assert np.array_equal(found, expected), layer.name


def test_a_pause_loses_neither_features_nor_epochs(
    last_blocks: tuple[keras.Model, Fit, Listener], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_loops, "CALL_S", 0.0)  # each call is one step
    plan = body(train="last_blocks")
    with pytest.raises(TrainingPaused):
        trained(plan, directory, "paused0000", pause_at=20)

    _, resumed, _ = trained(plan, directory, "paused0000")

    assert resumed.history.val_loss == pytest.approx(last_blocks[1].history.val_loss, rel=1e-3)


def test_augmented_copies_have_features_of_their_own(backbone: Listener, directory: Path) -> None:
    plan = body(augmentation=Augmentation(shift_pixels=2), train_samples=60)
    order, listener = order_of(plan, directory, "augmented0"), Listener()
    network = build_network(plan, TWO_KINDS, "float32")

    data = head_work(divide(network), order, TWO_KINDS, listener).data

    assert [progress.message for progress in listener.told][-1] == "features of 222 of 222 pictures"
    first, second, fifth = (next(data.epoch(number))[0] for number in (0, 1, 4))
    assert first.shape == (54, 84)
    assert {tuple(row) for row in first} == {tuple(row) for row in fifth}
    assert len({tuple(row) for row in first} & {tuple(row) for row in second}) < len(first) / 2


def test_a_head_is_never_validated_with_the_test_split_when_the_validation_split_is_gone(tmp_path: Path) -> None:
    plan = planned().model_copy(update={"validation": "validation"})
    parts = divide(build_network(plan, TWO_KINDS, "float32"))

    with pytest.raises(DatasetUnavailable, match="had a validation split"):
        head_work(parts, order_of(plan, tmp_path, "gone000000"), TWO_KINDS, Listener())


def test_missing_weights_end_the_job_with_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagenet, "PACKAGE", "no_such_package")

    with pytest.raises(TrainingFailed) as caught:
        give_learned_weights(keras.Sequential(), order_of(planned(**EFFICIENT), tmp_path, "noweights0"), TWO_KINDS)

    assert caught.value.failure.code == "weights_unavailable"
    assert "convserve[pretrained]" in str(caught.value.failure.hint)
