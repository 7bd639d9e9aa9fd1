"""A training that finds checkpoints of an earlier attempt: what it tells of them, and what becomes of useless ones."""

from pathlib import Path

import keras
import numpy as np
import pytest

from model_store import CheckpointStore, ModelStore, open_store
from worker.datasets.dataset import LabelledImages
from worker.jobs.plan import plan
from worker.jobs.records import History, Progress
from worker.jobs.request import JobRequest
from worker.pictures.pixels import to_unit_range
from worker.training.checkpoints import Checkpoints
from worker.training.compiling import compile_network
from worker.training.feeding import TrainingData
from worker.training.fitting import Fit, Training
from worker.training.splits import Split

# Keras variables do not know the `copy` of numpy 2 yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

JOB = "k3v9x2m7qd"
N_PICTURES, N_CLASSES = 32, 10
CHANCE = np.random.default_rng(1)
PICTURES = LabelledImages(
    CHANCE.integers(0, 256, (N_PICTURES, 8, 8, 1), np.uint8), CHANCE.integers(0, N_CLASSES, N_PICTURES)
)
TARGETS = np.eye(N_CLASSES, dtype=np.float32)
VALIDATION = Split(to_unit_range(PICTURES.images), TARGETS[PICTURES.labels])
Told = list[tuple[Progress, History | None]]


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return open_store(str(tmp_path / "store"))


def train(
    checkpoints: CheckpointStore, directory: Path, fence: int, epochs: int = 3, units: int = 4
) -> tuple[Fit, Told]:
    """A small network on a few pictures, and everything that was told of it."""
    planned = plan(
        JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=epochs, batch_size=8, seed=1)
    )
    keras.utils.set_random_seed(1)
    network = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(N_CLASSES, activation="softmax"),
        ]
    )
    data = TrainingData(PICTURES, TARGETS, None, None, batch_size=8, seed=1)
    compile_network(network, planned, data.steps_per_epoch)
    told: Told = []
    keeper = Checkpoints(checkpoints, JOB, fence, directory, "pictures")
    training = Training(network, data, VALIDATION, planned, keeper, lambda *report: told.append(report))
    return training.run(), told


def test_a_training_that_was_over_says_at_once_what_is_behind_it(store: ModelStore, tmp_path: Path) -> None:
    first, _ = train(store.checkpoints, tmp_path, fence=1)
    again, told = train(store.checkpoints, tmp_path, fence=2)
    assert again.first_step_at is None
    assert again.history == first.history
    assert told == [(Progress(phase="preparing", epoch=3, epochs=3), first.history)]


def test_a_training_that_begins_says_nothing_before_its_first_step(store: ModelStore, tmp_path: Path) -> None:
    _, told = train(store.checkpoints, tmp_path, fence=1)
    assert told[0][0].phase == "training"


def test_checkpoints_of_another_network_do_not_outlive_those_of_this_one(store: ModelStore, tmp_path: Path) -> None:
    train(store.checkpoints, tmp_path, fence=1, epochs=5)
    train(store.checkpoints, tmp_path, fence=2, epochs=1, units=5)
    newest = store.checkpoints.newest(JOB)
    assert newest is not None
    assert (newest[0].epoch, newest[0].fence) == (1, 2)


def test_damaged_checkpoints_do_not_outlive_new_ones(store: ModelStore, tmp_path: Path) -> None:
    train(store.checkpoints, tmp_path, fence=1, epochs=5)
    for file in (tmp_path / "store/checkpoints").rglob("state.npz"):
        file.write_bytes(b"damaged")
    train(store.checkpoints, tmp_path, fence=2, epochs=1)
    newest = store.checkpoints.newest(JOB)
    assert newest is not None
    assert (newest[0].epoch, newest[0].fence) == (1, 2)
