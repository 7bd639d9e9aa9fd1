"""The job that records the layers of a published version: it reads the version's files and trains nothing."""

from pathlib import Path

import keras

from model_store import Manifest, ModelStore, StoreError
from worker.architectures import Architecture, analyse
from worker.artifacts import KERAS_FILE, LAYERS_FILE, ONNX_FILE, TAILS_FILE
from worker.datasets import Dataset
from worker.jobs.lineage import numbered_version
from worker.jobs.records import PublishedModel
from worker.pictures.pixels import to_unit_range
from worker.training.initial_weights import unavailable
from worker.training.inside.recording import MOST_PICTURES, mean_of, write_record


def record_version(reference: str, dataset: Dataset, store: ModelStore, directory: Path) -> PublishedModel:
    """Record the layers of a version, beside its own files.

    Args:
        reference: `name/version`.
        dataset: that the version was trained on.
        store: has the version.
        directory: for temporary files.

    Returns:
        The version, with its figures.

    Raises:
        TrainingFailed: the version was deleted or is damaged (`initial_model_unavailable`).
    """
    model, number = numbered_version(reference)
    try:
        manifest = store.manifest(model, number)
        for file in (KERAS_FILE, ONNX_FILE):
            (directory / file).write_bytes(store.read(model, number, file))
    except StoreError as error:
        raise unavailable(error, "The version to record") from error
    _write(manifest, dataset, directory)
    for file in (LAYERS_FILE, TAILS_FILE):
        store.later_files.put(model, number, file, (directory / file).read_bytes())
    return PublishedModel(
        name=model,
        version=number,
        test_loss=manifest.metrics.get("test_loss", 0.0),
        test_accuracy=manifest.metrics.get("test_accuracy", 0.0),
    )


def _write(manifest: Manifest, dataset: Dataset, directory: Path) -> None:
    network = keras.saving.load_model(directory / KERAS_FILE, compile=False)
    architecture = Architecture.model_validate(manifest.architecture)
    analysis = analyse(architecture, manifest.input_shape, len(manifest.classes))
    images = to_unit_range(dataset.test_images[:MOST_PICTURES])
    write_record(directory, network, directory / ONNX_FILE, analysis, images, mean_of(dataset.train_images))
