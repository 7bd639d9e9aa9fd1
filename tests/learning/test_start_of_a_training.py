"""What a training puts off until its first step is done, so that it begins sooner."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.learning.listener import Listener
from worker.datasets import Dataset, load_dataset
from worker.datasets.copies import CopyDamaged, OpenedDataset
from worker.jobs.plan import plan
from worker.jobs.request import JobRequest
from worker.training import pipeline
from worker.training.film_recorder import FilmRecorder
from worker.training.splits import test_split as split_of

# Keras variables do not know the `copy` of numpy 2 yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SAMPLE = load_dataset("fashion_mnist_sample", Path("unused"))
PLAN = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=1))


def test_the_first_frame_of_a_film_is_of_the_network_before_its_first_step() -> None:
    network = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(2, 3),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    network.compile("sgd", "categorical_crossentropy")
    recorder = FilmRecorder(PLAN, SAMPLE, split_of(SAMPLE), 2700)
    recorder.set_model(network)
    shown = recorder._inputs[: len(recorder._indices)]
    before = np.asarray(network(shown, training=False))
    kernel = np.asarray(network.layers[0].kernel)[..., 0]
    recorder.on_epoch_begin(0)
    network.set_weights([weights + 1 for weights in network.get_weights()])
    recorder.on_test_end()
    film = recorder.film(network, published_epoch=1)
    assert film.epochs == (0, 1)
    probabilities = [picture.probabilities for picture in film.pictures]
    assert np.allclose([each[0] for each in probabilities], before, atol=1e-4)
    assert not np.allclose([each[1] for each in probabilities], before, atol=1e-4)
    assert np.allclose(np.asarray(film.kernels[0][0]), kernel, atol=1e-4)


@pytest.mark.parametrize("error", [CopyDamaged("damaged"), IndexError("no class has this label")])
def test_a_damaged_copy_of_the_dataset_costs_only_what_was_done_so_far(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    trained_on: list[Dataset] = []
    damaged = replace(SAMPLE, train_labels=SAMPLE.train_labels + 1000)

    def opened(*_: object, from_copy: bool = True) -> OpenedDataset:
        return OpenedDataset(damaged, tmp_path / "copy") if from_copy else OpenedDataset(SAMPLE)

    def run_on(dataset: Dataset, *_: object) -> None:
        trained_on.append(dataset)
        if dataset is damaged:
            raise error

    monkeypatch.setattr(pipeline, "_open", opened)
    monkeypatch.setattr(pipeline, "run_on", run_on)
    order = type("Order", (), {"plan": PLAN})
    pipeline.run(order, Listener())  # type: ignore[arg-type]
    assert trained_on == [damaged, SAMPLE]


def test_an_error_that_has_another_cause_ends_the_job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise ValueError("another cause")

    monkeypatch.setattr(pipeline, "_open", lambda *_, **__: OpenedDataset(SAMPLE, tmp_path / "copy"))
    monkeypatch.setattr(pipeline, "run_on", fail)
    order = type("Order", (), {"plan": PLAN})
    with pytest.raises(ValueError, match="another cause"):
        pipeline.run(order, Listener())  # type: ignore[arg-type]
