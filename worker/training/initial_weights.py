"""Takes over the weights of a published version, so that a training goes on from there."""

import logging
from pathlib import Path

import keras

from model_store import ModelStore, StoreError
from worker.artifacts import KERAS_FILE
from worker.jobs.errors import TrainingFailed
from worker.jobs.lineage import has_same_classes, parse_reference
from worker.jobs.records import JobFailure

logger = logging.getLogger(__name__)


def take_over(
    network: keras.Model, reference: str, store: ModelStore, directory: Path, classes: tuple[str, ...]
) -> None:
    """Give a network the weights of a version of the same description.

    The last layer starts anew when the version tells other classes apart.

    Args:
        network: built, and checked to fit when the job was submitted.
        reference: `name/version`.
        store: where the version is.
        directory: for the file on its way.
        classes: that the network is to tell apart, in the order of their index.

    Raises:
        TrainingFailed: the version is gone, or damaged (`initial_model_unavailable`).
    """
    wanted = parse_reference(reference)
    assert wanted.version is not None
    path = directory / "initial.keras"
    try:
        manifest = store.manifest(wanted.model, wanted.version)
        path.write_bytes(store.read(wanted.model, wanted.version, KERAS_FILE))
    except StoreError as error:
        raise TrainingFailed(
            JobFailure(
                code="initial_model_unavailable",
                message=f"The version to train on from cannot be read: {error}.",
                hint="GET /models tells which versions there are.",
            )
        ) from error
    initial = keras.saving.load_model(path, compile=False)
    path.unlink()
    last = network.layers[-1].name
    is_kept = has_same_classes(manifest, classes)
    for layer in network.layers:
        if layer.weights and (is_kept or layer.name != last):
            layer.set_weights(initial.get_layer(layer.name).get_weights())
    logger.info("weights of %s, %s", reference, "all layers" if is_kept else "all but the last layer: other classes")
