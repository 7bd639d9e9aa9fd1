"""Turns a Keras network into the ONNX file that the API runs, and proves that both give the same answers.

`model.export(format="onnx")` traced networks with batch normalisation in training mode (Keras 3.15.1, TensorFlow
2.21, tf2onnx 1.17), so a function that says `training=False` is traced instead.
"""

from pathlib import Path

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray

from worker.errors import TrainingFailed
from worker.records import JobFailure

MAX_DIFFERENCE = 1e-4
OPSET = 17  # the newest that tf2onnx 1.17 writes and every ONNX Runtime since 1.13 reads


def export_onnx(network: keras.Model, path: Path) -> None:
    """Write `network` with input `images` (float32, (n, h, w, c), [0, 1]) and output `probabilities`."""
    signature = [tf.TensorSpec(network.input_shape, tf.float32, name="images")]

    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def classify(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": network(images, training=False)}

    proto, _ = tf2onnx.convert.from_function(classify, input_signature=signature, opset=OPSET)
    path.write_bytes(proto.SerializeToString())


def parity(path: Path, inputs: NDArray[np.float32], probabilities: NDArray[np.float32]) -> float:
    """The largest difference between an ONNX file's answers and Keras's.

    Args:
        path: the ONNX file.
        inputs: float32, shape (n, height, width, channels), values in [0, 1].
        probabilities: float32, shape (n, n_classes), Keras's answers to `inputs`.

    Raises:
        TrainingFailed: they differ by more than 1e-4 (`parity`).
    """
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    difference = float(np.abs(session.run(["probabilities"], {"images": inputs})[0] - probabilities).max())
    if difference > MAX_DIFFERENCE:
        raise TrainingFailed(
            JobFailure(
                code="parity",
                message="The exported network answers differently from the trained one; expected a difference of at "
                f"most {MAX_DIFFERENCE}, got {difference:.2g}.",
                hint="This is a fault of the export, not of your request; please report it with the architecture.",
            )
        )
    return difference
