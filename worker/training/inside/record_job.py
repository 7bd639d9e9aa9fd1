"""The job that records what a published version lacks: it reads the version's files and trains nothing."""

import logging
from pathlib import Path

import keras

from model_store import Manifest, ModelStore
from worker.architectures import Architecture, analyse
from worker.artifacts import KERAS_FILE, LAYERS_FILE, ONNX_FILE, TAILS_FILE, TRUST_FILE, UNUSUAL_FILE
from worker.datasets import Dataset
from worker.jobs.plan import TrainingPlan
from worker.jobs.records import PublishedModel
from worker.pictures.pixels import to_unit_range
from worker.training.inside.recording import MOST_PICTURES, mean_of, write_record
from worker.training.published_versions import fetch_version
from worker.training.trust.recording import record_trust

logger = logging.getLogger(__name__)


def record_version(plan: TrainingPlan, dataset: Dataset, store: ModelStore, directory: Path) -> PublishedModel:
    """Record the layers of a version, and how far its answers can be trusted, beside its own files.

    Args:
        plan: of the version's training, with `record`: `name/version`.
        dataset: that the version was trained on.
        store: has the version.
        directory: for temporary files.

    Returns:
        The version, with its figures.

    Raises:
        TrainingFailed: the version was deleted or is damaged (`initial_model_unavailable`).
    """
    manifest = fetch_version(str(plan.record), (KERAS_FILE, ONNX_FILE), store, directory, "The version to record")
    network = keras.saving.load_model(directory / KERAS_FILE, compile=False)
    _write_layers(manifest, network, dataset, directory)
    _write_trust(manifest, network, plan, dataset, store, directory)
    for file in (LAYERS_FILE, TAILS_FILE, TRUST_FILE, UNUSUAL_FILE):
        # What the version recorded itself is never replaced: it is in its manifest.
        if file not in manifest.files and (directory / file).exists():
            store.later_files.put(manifest.model, manifest.version, file, (directory / file).read_bytes())
    return PublishedModel(
        name=manifest.model,
        version=manifest.version,
        test_loss=manifest.metrics.get("test_loss", 0.0),
        test_accuracy=manifest.metrics.get("test_accuracy", 0.0),
    )


def _write_layers(manifest: Manifest, network: keras.Model, dataset: Dataset, directory: Path) -> None:
    architecture = Architecture.model_validate(manifest.architecture)
    analysis = analyse(architecture, manifest.input_shape, len(manifest.classes))
    images = to_unit_range(dataset.test_images[:MOST_PICTURES])
    write_record(directory, network, directory / ONNX_FILE, analysis, images, mean_of(dataset.train_images))


def _write_trust(
    manifest: Manifest,
    network: keras.Model,
    plan: TrainingPlan,
    dataset: Dataset,
    store: ModelStore,
    directory: Path,
) -> None:
    """Write the record of trust, if it is known which pictures the version was not trained on."""
    recipe = manifest.recipe
    if manifest.dataset_fingerprint != dataset.fingerprint or "validation" not in recipe:
        logger.info("the trust in answers is not recorded: the pictures that were held out are not known any more")
        return
    initial = recipe.get("initial_model")
    trained = plan.model_copy(update={"initial_model": initial if isinstance(initial, str) else None})
    record_trust(directory, trained, store, dataset, network)
