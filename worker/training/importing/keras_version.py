"""Builds the network that a Keras file describes, gives it its weights, and writes the files of a version."""

import logging
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from worker.architectures import Analysis, analyse
from worker.artifacts import KERAS_FILE, ONNX_FILE, SUMMARY_FILE
from worker.imports.errors import ImportRefused
from worker.imports.result import NUMBERS_FILE, Transcoded
from worker.jobs.plan import TrainingPlan
from worker.pictures.pixels import to_unit_range
from worker.training.export import export_onnx, parity
from worker.training.importing.version import ImportedVersion
from worker.training.inside.recording import MOST_PICTURES, mean_of, write_record
from worker.training.keras_files import save_keras
from worker.training.network import build_model, pictures_at_once
from worker.training.predicting import predict_pictures
from worker.training.reports import layer_table

logger = logging.getLogger(__name__)

RANDOM_PICTURES = 16
"""Pictures on which Keras and ONNX Runtime are compared."""
SEED = 0


def write_keras_version(
    found: Transcoded, plan: TrainingPlan, work: Path, artifacts: Path, pictures: NDArray[np.uint8] | None
) -> ImportedVersion:
    """Build the network, and write `model.keras`, `model.onnx`, the layer table and the record of its layers.

    Args:
        found: the description.
        plan: of the job.
        work: directory with the file of numbers.
        artifacts: receives the files.
        pictures: uint8, test pictures for the record; without them random ones are taken.

    Raises:
        ImportRefused: the network does not give finite answers.
        TrainingFailed: the exported network gives other answers (`parity`).
    """
    analysis = analyse(found.architecture, found.input_shape, found.n_classes)
    keras.config.set_dtype_policy("float32")
    network = build_model(found.architecture, found.input_shape, found.n_classes)
    _give_weights(network, found, analysis, work / NUMBERS_FILE)
    images = np.random.default_rng(SEED).random((RANDOM_PICTURES, *found.input_shape), np.float32)
    images = images[: max(2, min(len(images), pictures_at_once(network)))]
    answers = network.predict(images, batch_size=1, verbose=0)
    if not np.isfinite(answers).all():
        raise ImportRefused("The model does not give finite numbers for random pictures.")
    save_keras(network, plan, artifacts / KERAS_FILE, with_optimizer=False)
    export_onnx(network, artifacts / ONNX_FILE)
    difference = parity(artifacts / ONNX_FILE, images, answers)
    logger.info("%s agrees with %s to %.1e", ONNX_FILE, KERAS_FILE, difference)
    (artifacts / SUMMARY_FILE).write_text(layer_table(network))
    some = (255 * images).astype(np.uint8) if pictures is None else pictures[:MOST_PICTURES]
    _record(artifacts, network, analysis, some)
    return ImportedVersion(
        input_shape=found.input_shape,
        parameters=network.count_params(),
        architecture=found.architecture.model_dump(mode="json", exclude_defaults=True),
        difference=difference,
        predict=lambda test: predict_pictures(network, test),
    )


def _give_weights(network: keras.Model, found: Transcoded, analysis: Analysis, numbers: Path) -> None:
    names = {row.index: row.name for row in analysis.layers}
    values = np.memmap(numbers, "<f4", "r") if numbers.stat().st_size else np.empty(0, np.float32)
    given = set()
    for index, layer in found.numbers.items():
        arrays = [
            values[offset : offset + int(np.prod(shape, dtype=np.int64))].reshape(shape)
            for offset, shape in zip(layer.offsets, layer.shapes, strict=True)
        ]
        network.get_layer(names[index]).set_weights(arrays)
        given.add(names[index])
    missing = [layer.name for layer in network.layers if layer.weights and layer.name not in given]
    if missing:
        raise ImportRefused(f"The model has no weights for {', '.join(missing[:3])}.")


def _record(artifacts: Path, network: keras.Model, analysis: Analysis, images: NDArray[np.uint8]) -> None:
    """Record the layers, as a training does; the version is good without."""
    try:
        write_record(artifacts, network, artifacts / ONNX_FILE, analysis, to_unit_range(images), mean_of(images))
    except Exception:  # whatever the exporter wrote
        logger.exception("the layers could not be recorded; the version is published without them")
