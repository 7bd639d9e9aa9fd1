"""Versions in other formats: each is opened by its own runtime, answers as Keras does, or is not added."""

import time
import zipfile
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import keras
import numpy as np
import pytest

from model_store import Manifest, ModelStore, VersionFacts, open_store
from tests.learning.listener import Listener
from tests.plans import SAMPLE, planned
from worker.datasets import dataset_info
from worker.jobs.errors import TrainingFailed
from worker.jobs.export_plan import plan_export
from worker.jobs.exported import FILE_OF, Exported, exportable, record_of
from worker.pictures.pixels import to_unit_range
from worker.recipe.exports import ExportFormat
from worker.supervision.messages import Order
from worker.training import pipeline
from worker.training.exporting import export_job
from worker.training.exporting.runtimes import Opened, open_exported
from worker.training.exporting.writing import import_openvino
from worker.training.keras_files import save_keras
from worker.training.preparation import build_network

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# Batch normalization and dropout behind a resizing: what an export must not treat as in a training.
NETWORK = {
    "input_size": [20, 20],
    "layers": [
        {"type": "conv2d", "filters": 6, "kernel_size": 3, "strides": 2, "activation": "relu"},
        {"type": "batch_normalization"},
        {"type": "flatten"},
        {"type": "dropout", "rate": 0.5},
        {"type": "dense", "units": "classes", "activation": "softmax"},
    ],
}
PLAN = planned(architecture=NETWORK, model="shirts", test_samples=200)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a version of the network, whose random weights make it answer differently for each picture."""
    directory = tmp_path_factory.mktemp("exports")
    network = build_network(PLAN, SAMPLE, "float32")
    random = np.random.default_rng(1)
    network.set_weights(
        [
            random.normal(size=weight.shape) if len(weight.shape) > 1 else random.uniform(0.5, 1.5, weight.shape)
            for weight in network.weights
        ]
    )
    save_keras(network, PLAN, directory / "model.keras", with_optimizer=False)
    published(directory)
    return directory


def published(directory: Path, **changes: object) -> Manifest:
    plan = PLAN.model_dump(mode="json", exclude={"architecture"})
    facts = {
        "classes": SAMPLE.info.classes,
        "input_shape": SAMPLE.info.image_shape,
        "parameters": 1,
        "metrics": {"test_accuracy": 0.1, "test_loss": 2.3},
        "recipe": plan | {"architecture": "custom"},
        "architecture": PLAN.network.model_dump(mode="json", exclude_defaults=True),
        "job": "abc23",
        "dataset": SAMPLE.info.name,
        "dataset_fingerprint": SAMPLE.fingerprint,
        "parity": 0.0,
        "runtime": {},
    }
    with store_in(directory).draft("shirts") as draft:
        draft.add("model.keras", directory / "model.keras")
        return draft.commit(VersionFacts.model_validate(facts | changes))


def store_in(directory: Path) -> ModelStore:
    return open_store(str(directory / "store"))


def export(directory: Path, export_format: ExportFormat, work: Path, manifest: Manifest | None = None) -> None:
    manifest = manifest or store_in(directory).manifest("shirts", 1)
    order = Order(
        job="def45",
        plan=plan_export(manifest, export_format, dataset_info),
        fence=1,
        claimed_at=time.time(),
        store_url=str(directory / "store"),
        datasets_dir=str(directory),
        work_dir=str(work),
    )
    listener = Listener()
    pipeline.run(order, listener)
    assert (listener.model.name, listener.model.version) == ("shirts", manifest.version)


@pytest.mark.parametrize("export_format", FILE_OF)
def test_an_export_answers_as_the_version_does(export_format: ExportFormat, directory: Path, tmp_path: Path) -> None:
    if export_format not in exportable():
        pytest.skip(f"{export_format} is not installed")
    export(directory, export_format, tmp_path)

    files = store_in(directory).later_files
    exported = Exported.model_validate_json(files.find("shirts", 1, record_of(export_format)) or b"")
    assert (exported.format, exported.pictures, exported.job) == (export_format, 200, "def45")
    assert exported.accuracy == exported.keras_accuracy
    assert (exported.agreement, exported.largest_difference < 1e-5) == (1.0, True)
    data = b"".join(files.stream_large("shirts", 1, exported.file, exported.entry))
    opened = open_exported(export_format, unpacked(data, tmp_path / "taken-away"))
    images = to_unit_range(SAMPLE.test_images[:40])
    network = keras.saving.load_model(directory / "model.keras")
    expected = np.asarray(network(images, training=False))
    np.testing.assert_allclose(opened.predict(images), expected, atol=1e-5)
    assert len(set(expected.argmax(axis=1))) > 1, "the network answers the same to every picture"


def unpacked(data: bytes, path: Path) -> Path:
    """What was downloaded as a runtime opens it: the file, or the one folder in the zip."""
    if not zipfile.is_zipfile(BytesIO(data)):
        path.write_bytes(data)
        return path
    with zipfile.ZipFile(BytesIO(data)) as archive:
        archive.extractall(path)
    (folder,) = path.iterdir()
    return folder


def test_an_export_that_answers_otherwise_is_not_added(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guesses = np.eye(10, dtype=np.float32)[np.zeros(600, int)]
    monkeypatch.setattr(
        export_job, "open_exported", lambda *_: Opened("a dice 1.0", lambda images: guesses[: len(images)])
    )
    second = published(directory)  # nothing that the other tests export is with it

    with pytest.raises(TrainingFailed, match=r"saved_model \(a dice 1.0\).* within 0.1 .* got 10.00%") as caught:
        export(directory, "saved_model", tmp_path, second)

    assert caught.value.failure.code == "parity"
    assert store_in(directory).later_files.find("shirts", second.version, record_of("saved_model")) is None


def test_a_version_of_pictures_that_are_gone_is_not_exported(directory: Path, tmp_path: Path) -> None:
    other = published(directory, dataset_fingerprint="cd" * 32)
    with pytest.raises(TrainingFailed, match="fingerprint has changed"):
        export(directory, "litert", tmp_path, other)


@pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")
def test_openvino_tells_nobody_of_conversions() -> None:
    import_openvino()
    from openvino.tools.ovc import telemetry_utils  # noqa: PLC0415

    assert telemetry_utils.tm.__name__ == "openvino.tools.ovc.telemetry_stub"
