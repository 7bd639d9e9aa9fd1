"""Lets Keras write a network in another format, as one file or as a zip of a folder."""

import zipfile
from pathlib import Path

import keras

from worker.artifacts import INPUT_TENSOR, OUTPUT_TENSOR
from worker.optional_imports import import_without
from worker.recipe.exports import ExportFormat

XML = "model.xml"
_AT = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can name: equal folders make equal zips


def for_export(network: keras.Model) -> keras.Model:
    """The same network as it predicts, with an output that has a name.

    Keras traces a network as it is called without `training`, which a network of an older release that begins with
    `Resizing` takes for a training (see `worker.training.network`).
    """
    images = keras.Input(network.input_shape[1:], dtype="float32", name=INPUT_TENSOR)
    return keras.Model(images, {OUTPUT_TENSOR: network(images, training=False)}, name="network")


def write_litert(network: keras.Model, path: Path) -> None:
    """Write a file for LiteRT (TensorFlow Lite), with nothing but its own operators.

    Keras would also take operators of TensorFlow, which the runtimes on phones do not have.
    """
    import tensorflow as tf  # noqa: PLC0415 - as in `worker.training.export`

    builtin = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    target = path.with_suffix(".tflite")
    for_export(network).export(str(target), format="litert", verbose=False, target_spec=builtin)
    target.rename(path)


def write_saved_model(network: keras.Model, folder: Path) -> None:
    """Write the folder of a SavedModel, whose signature `serving_default` takes `images` and has `probabilities`."""
    for_export(network).export(str(folder), format="tf_saved_model", verbose=False)


def write_openvino(network: keras.Model, folder: Path) -> None:
    """Write `model.xml` and `model.bin` into a folder."""
    import_openvino()
    folder.mkdir()
    for_export(network).export(str(folder / XML), format="openvino", verbose=False)


def import_openvino() -> None:
    """Import OpenVINO without its telemetry, which tells its maker of every conversion unless a user forbids it."""
    import_without("openvino.tools.ovc", ["openvino_telemetry"])


WRITERS = {"litert": write_litert, "saved_model": write_saved_model, "openvino": write_openvino}


def write(network: keras.Model, export_format: ExportFormat, path: Path) -> None:
    """Write a network in a format, to a file or to a folder of this path."""
    WRITERS[export_format](network, path)


def packed(path: Path, file: Path) -> Path:
    """The file to publish: the written one itself, or a zip of the written folder.

    Args:
        path: what was written.
        file: where the zip is put; its folder is named like the file.
    """
    if path.is_file():
        return path
    with zipfile.ZipFile(file, "w") as archive:
        for part in sorted(part for part in path.rglob("*") if part.is_file()):
            entry = zipfile.ZipInfo(f"{file.stem}/{part.relative_to(path)}", _AT)
            entry.external_attr = 0o644 << 16
            with part.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while chunk := source.read(1 << 20):
                    target.write(chunk)
    return file
