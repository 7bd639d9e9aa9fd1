"""Initialises a network with the weights of a published version."""

import logging
from pathlib import Path

import keras

from model_store import ModelStore, StoreError
from worker.artifacts import KERAS_FILE
from worker.jobs.lineage import has_same_classes, numbered_version
from worker.training.published_versions import unavailable

logger = logging.getLogger(__name__)


def take_over(
    network: keras.Model, reference: str, store: ModelStore, directory: Path, classes: tuple[str, ...]
) -> None:
    """Copy the weights of a version with the same description into a network.

    The last layer keeps its random weights when the version has other classes.

    Args:
        network: the built network; it was checked to fit when the job was submitted.
        reference: `name/version`.
        store: holds the version.
        directory: for the temporary file.
        classes: the network's classes in the order of their index.

    Raises:
        TrainingFailed: the version was deleted or is damaged (`initial_model_unavailable`).
    """
    model, number = numbered_version(reference)
    path = directory / "initial.keras"
    try:
        manifest = store.manifest(model, number)
        path.write_bytes(store.read(model, number, KERAS_FILE))
    except StoreError as error:
        raise unavailable(error) from error
    initial = keras.saving.load_model(path, compile=False)
    path.unlink()
    last = network.layers[-1].name
    is_kept = has_same_classes(manifest, classes)
    for layer in network.layers:
        if layer.weights and (is_kept or layer.name != last):
            layer.set_weights(initial.get_layer(layer.name).get_weights())
    logger.info("weights of %s, %s", reference, "all layers" if is_kept else "all but the last layer: other classes")
