"""A whole job in this process: what it publishes, and that another job can start from its weights."""

import time
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest

from model_store import Manifest, ModelStore, open_store
from tests.learning.listener import Listener
from tests.learning.trainings import trained
from tests.plans import SAMPLE, planned
from worker.doctor.findings import Diagnosis
from worker.jobs.errors import TrainingFailed
from worker.jobs.plan import TrainingPlan
from worker.pictures.pixels import to_unit_range
from worker.reports.film import Film
from worker.reports.mistakes import Mistakes
from worker.supervision.messages import Order
from worker.training import pipeline, splits
from worker.training.evaluation import Evaluation
from worker.training.export import parity
from worker.training.splits import training_splits
from worker.trust.measuring import measured
from worker.trust.record import TrustRecord

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def run(plan: TrainingPlan, directory: Path, job: str) -> Listener:
    work_dir = directory / job
    work_dir.mkdir()
    order = Order(
        job=job,
        plan=plan,
        fence=1,
        claimed_at=time.time(),
        store_url=str(directory / "store"),
        datasets_dir=str(directory),
        work_dir=str(work_dir),
        owner="ada",
        tags=("week-3",),
        note="again",
    )
    listener = Listener()
    try:
        pipeline.run(order, listener)
    finally:
        keras.config.set_dtype_policy("float32")
    return listener


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pipeline")


@pytest.fixture(scope="module")
def store(directory: Path) -> ModelStore:
    return open_store(str(directory / "store"))


@pytest.fixture(scope="module")
def stopped_early(directory: Path) -> Listener:
    """A job in bfloat16 at a rate so high that one of its first epochs is the best: which, depends on the processor."""
    plan = planned(
        model="shirts",
        epochs=40,
        precision="mixed_bfloat16",
        optimizer={"name": "adam", "learning_rate": 0.02},
        early_stopping={"patience": 1},
        test_samples=100,
        test_time_augmentation="flip_and_shift",
    )
    return run(plan, directory, "k3v9x2m7qd")


def manifest(store: ModelStore, version: int) -> Manifest:
    return store.manifest("shirts", version)


def test_every_report_of_an_epoch_has_the_best_one_so_far_marked(stopped_early: Listener) -> None:
    for history in stopped_early.histories:
        assert history.best_epoch == history.val_loss.index(min(history.val_loss)) + 1
    assert len(stopped_early.histories) < 40


def test_the_best_epoch_is_published_and_in_float32(
    stopped_early: Listener, store: ModelStore, directory: Path
) -> None:
    history = stopped_early.histories[-1]
    assert history.best_epoch == len(history.val_loss) - 1
    published = manifest(store, 1)
    assert (published.owner, published.tags, published.note) == ("ada", ("week-3",), "again")
    assert published.metrics["val_accuracy"] == history.val_accuracy[history.best_epoch - 1]
    assert published.parity < 1e-4
    path = directory / "published.keras"
    path.write_bytes(store.read("shirts", 1, "model.keras"))
    network = keras.saving.load_model(path)
    assert {layer.compute_dtype for layer in network.layers} == {"float32"}
    assert network.compiled


def test_answers_averaged_over_views_are_tested_beside_the_plain_ones(
    stopped_early: Listener, store: ModelStore, directory: Path
) -> None:
    path = directory / "viewed.keras"
    path.write_bytes(store.read("shirts", 1, "model.keras"))
    network = keras.saving.load_model(path)
    tested = splits.tested_pictures(SAMPLE, 100).pictures
    inputs = to_unit_range(tested.images)
    padded = np.pad(inputs, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")
    plain, *moved = (
        (network.predict(view, verbose=0) + network.predict(view[:, :, ::-1], verbose=0)) / 2
        for view in (inputs, padded[:, :28, :28], padded[:, 2:, 2:])
    )
    answers = (plain / 2 + moved[0] / 4 + moved[1] / 4)[np.arange(100), tested.labels]
    evaluation = Evaluation.model_validate_json(store.read("shirts", 1, "evaluation.json"))
    score, metrics = evaluation.test_time_augmentation, manifest(store, 1).metrics
    assert score is not None
    assert score.loss == pytest.approx(-np.log(answers).mean(), rel=1e-3)
    assert (metrics["tta_test_accuracy"], metrics["tta_test_loss"]) == (score.accuracy, score.loss)
    assert metrics["test_loss"] == evaluation.loss != score.loss


def test_the_trust_in_answers_is_measured_on_the_validation_pictures(
    stopped_early: Listener, store: ModelStore, directory: Path
) -> None:
    path = directory / "trusted.keras"
    path.write_bytes(store.read("shirts", 1, "model.keras"))
    _, validation = training_splits(SAMPLE, planned())
    probabilities = keras.saving.load_model(path).predict(validation.inputs, verbose=0)
    expected = measured(probabilities, validation.targets.argmax(axis=1))
    record = TrustRecord.model_validate_json(store.read("shirts", 1, "trust.json"))
    assert (record.pictures, record.accuracy) == (60, expected.accuracy)
    assert record.mistakes == pytest.approx(expected.mistakes, rel=1e-3)


def test_a_job_goes_on_from_a_published_version(stopped_early: Listener, directory: Path) -> None:
    body = {"model": "shirts", "epochs": 1}
    continued = run(planned(**body).model_copy(update={"initial_model": "shirts/1"}), directory, "continued0")
    _, afresh = trained(planned(**body))  # without all that follows a training, which takes longer
    assert continued.histories[0].loss[0] < afresh.history.loss[0] * 0.8


def test_a_version_that_is_gone_ends_the_job_with_the_reason(directory: Path) -> None:
    plan = planned(model="shirts", epochs=1).model_copy(update={"initial_model": "shirts/99"})
    with pytest.raises(TrainingFailed) as caught:
        run(plan, directory, "gone000000")
    assert caught.value.failure.code == "initial_model_unavailable"


def test_an_answer_that_is_no_number_does_not_pass_for_agreement(
    stopped_early: Listener, store: ModelStore, directory: Path
) -> None:
    path = directory / "model.onnx"
    path.write_bytes(store.read("shirts", 1, "model.onnx"))
    inputs = np.zeros((1, 28, 28, 1), np.float32)
    with pytest.raises(TrainingFailed) as caught:
        parity(path, inputs, np.full((1, 10), np.nan, np.float32))
    assert caught.value.failure.code == "parity"


def test_the_film_has_the_published_network_as_a_frame(stopped_early: Listener, store: ModelStore) -> None:
    film = Film.model_validate_json(store.read("shirts", 1, "film.json"))
    best = stopped_early.histories[-1].best_epoch
    assert best in film.epochs
    assert {0, 1, 2} <= set(film.epochs)
    assert list(film.epochs) == sorted(film.epochs)
    assert len(film.kernels) == len(film.confusion) == len(film.epochs)
    assert film.kernels[0] != film.kernels[-1]
    assert [picture.label for picture in film.pictures[:10]] == list(film.classes)
    # The frame answers what the published network answers.
    published = onnxruntime.InferenceSession(store.read("shirts", 1, "model.onnx"))
    shown = to_unit_range(SAMPLE.test_images[[picture.index for picture in film.pictures]])
    (answers,) = published.run(None, {"images": shown})
    frame = film.epochs.index(best)
    assert np.allclose([picture.probabilities[frame] for picture in film.pictures], answers, atol=0.02)  # bfloat16


def test_a_quick_try_says_how_many_pictures_it_was_tested_on(stopped_early: Listener, store: ModelStore) -> None:
    evaluation = Evaluation.model_validate_json(store.read("shirts", 1, "evaluation.json"))
    assert (evaluation.pictures, evaluation.test_split) == (100, 1000)
    assert [score.support for score in evaluation.per_class] == [10] * 10
    found = Mistakes.model_validate_json(store.read("shirts", 1, "mistakes.json"))
    assert (found.pictures, found.total) == (100, round(100 * (1 - evaluation.accuracy)))
    published = onnxruntime.InferenceSession(store.read("shirts", 1, "model.onnx"))
    rows = [mistake.index for mistake in found.mistakes]
    (answers,) = published.run(None, {"images": to_unit_range(SAMPLE.test_images[rows])})
    assert [SAMPLE.info.classes[answer] for answer in answers.argmax(axis=1)] == [it.predicted for it in found.mistakes]
    assert [SAMPLE.info.classes[label] for label in SAMPLE.test_labels[rows]] == [it.true for it in found.mistakes]


def test_the_verdict_of_the_doctor_is_in_the_manifest_and_its_findings_in_a_file(
    stopped_early: Listener, store: ModelStore
) -> None:
    found = Diagnosis.model_validate_json(store.read("shirts", 1, "doctor.json"))
    published = manifest(store, 1)
    assert published.doctor is not None
    assert (published.doctor.worst, published.passed_over) == (found.worst, found.passed_over)
    assert published.passed_over is None
