"""Opens exported networks by their own runtimes, so that their figures are those that users will see."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.artifacts import OUTPUT_TENSOR
from worker.recipe.exports import ExportFormat
from worker.training.exporting.writing import XML, import_openvino


@dataclass(frozen=True)
class Opened:
    """An exported network that answers.

    Attributes:
        runtime: name and version of what runs it.
        predict: from pictures, float32 of shape (n, height, width, channels) in [0, 1], to probabilities, float32 of
            shape (n, n_classes).
    """

    runtime: str
    predict: Callable[[NDArray[np.float32]], NDArray[np.float32]]


def open_exported(export_format: ExportFormat, path: Path) -> Opened:
    """Open what was written in a format: a file or a folder."""
    return _OPENERS[export_format](path)


def _open_litert(path: Path) -> Opened:
    import tensorflow as tf  # noqa: PLC0415 - as in `worker.training.export`

    with warnings.catch_warnings():
        # TensorFlow warns that its interpreter will move to another package; it still has it.
        warnings.simplefilter("ignore", UserWarning)
        interpreter = tf.lite.Interpreter(model_path=str(path))
    (given,), (answered,) = interpreter.get_input_details(), interpreter.get_output_details()

    def predict(images: NDArray[np.float32]) -> NDArray[np.float32]:
        interpreter.resize_tensor_input(given["index"], images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], images)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(answered["index"]))

    return Opened(f"TensorFlow Lite {tf.__version__}", predict)


def _open_saved_model(path: Path) -> Opened:
    import tensorflow as tf  # noqa: PLC0415

    opened = tf.saved_model.load(str(path))
    classify = opened.signatures["serving_default"]

    def predict(images: NDArray[np.float32], _: Any = opened) -> NDArray[np.float32]:
        # The default argument keeps the variables: a signature alone does not.
        return np.asarray(classify(images=tf.constant(images))[OUTPUT_TENSOR])

    return Opened(f"TensorFlow {tf.__version__}", predict)


def _open_openvino(path: Path) -> Opened:
    import_openvino()
    import openvino  # noqa: PLC0415 - optional

    core = openvino.Core()
    # Some processors would calculate in bfloat16 unasked.
    compiled = core.compile_model(core.read_model(path / XML), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def predict(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array(compiled([images])[0])

    return Opened(f"OpenVINO {openvino.__version__}", predict)


_OPENERS: dict[ExportFormat, Callable[[Path], Opened]] = {
    "litert": _open_litert,
    "saved_model": _open_saved_model,
    "openvino": _open_openvino,
}
