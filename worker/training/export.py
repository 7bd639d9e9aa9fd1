"""Writes a network as the ONNX file that the API runs, and checks that it gives the same answers.

`model.export(format="onnx")` traced networks with batch normalisation in training mode (Keras 3.15.1, TensorFlow
2.21, tf2onnx 1.17), so a function with `training=False` is traced instead. Only this step needs TensorFlow, which is
imported there.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from worker.artifacts import INPUT_TENSOR, OUTPUT_TENSOR
from worker.jobs.errors import TrainingFailed
from worker.jobs.records import JobFailure
from worker.onnx_sessions import ALL_CORES, open_session

MAX_DIFFERENCE = 1e-4
OPSET = 17  # the newest that tf2onnx 1.17 writes and every ONNX Runtime since 1.13 reads


def check_exportable() -> None:
    """Refuse a job that could be trained here but not exported.

    Raises:
        TrainingFailed: Keras runs on another backend than TensorFlow (`export_unavailable`).
    """
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise TrainingFailed(
            JobFailure(
                code="export_unavailable",
                message="This worker cannot write model.onnx; expected Keras with the backend tensorflow, "
                f"got {backend}.",
                hint="Start the worker without KERAS_BACKEND, or with KERAS_BACKEND=tensorflow.",
            )
        )


def export_onnx(network: keras.Model, path: Path) -> None:
    """Write `network` with input `images` (float32, (n, h, w, c), [0, 1]) and output `probabilities`."""
    # Vectors (biases, normalization) stay constants: they are small, and the graph is simplified together with them.
    kernels = {f"kernel_{number}": weight for number, weight in enumerate(network.weights) if len(weight.shape) > 1}
    model = _traced(network, kernels)
    _bind(model.graph, {name: keras.ops.convert_to_numpy(kernel) for name, kernel in kernels.items()})
    path.write_bytes(model.SerializeToString())


def _traced(network: keras.Model, kernels: Mapping[str, keras.Variable]) -> onnx.ModelProto:
    """The network as a graph whose inputs are the pictures and the kernels.

    As constants, the kernels would pass through TensorFlow's optimizer: 15 million weights took 60 s there, the 134
    million of VGG16 more than six minutes. As inputs they take one second.
    """
    import tensorflow as tf  # noqa: PLC0415 - see the module's docstring
    import tf2onnx  # noqa: PLC0415

    signature = [tf.TensorSpec(network.input_shape, tf.float32, name=INPUT_TENSOR)]
    signature += [tf.TensorSpec(kernel.shape, kernel.dtype, name=name) for name, kernel in kernels.items()]

    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def classify(images: Any, *inputs: Any) -> dict[str, Any]:
        given = {kernel.path: value for kernel, value in zip(kernels.values(), inputs, strict=True)}
        trainable, frozen = (
            [given.get(variable.path, variable.value) for variable in variables]
            for variables in (network.trainable_variables, network.non_trainable_variables)
        )
        probabilities, _ = network.stateless_call(trainable, frozen, images, training=False)
        return {OUTPUT_TENSOR: probabilities}

    model: onnx.ModelProto
    model, _ = tf2onnx.convert.from_function(
        classify, input_signature=signature, opset=OPSET, custom_op_handlers={"ResizeBilinear": (_resize, [])}
    )
    return with_constant_shapes(model)


def with_constant_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network, without nodes that work out a shape which is known.

    tf2onnx 1.17 takes some of its steps in the order of a set, so that one of 14 exports of a `lenet5-fashion` kept six
    nodes that find out how long a flattened picture is. A second pass of its optimizer removes them, in 0.1 s.
    """
    if all(node.op_type != "Shape" for node in model.graph.node):
        return model
    from tf2onnx.graph import GraphUtil  # noqa: PLC0415 - see the module's docstring

    simplified: onnx.ModelProto = GraphUtil.optimize_model_proto(model)
    return simplified


def _resize(graph: Any, node: Any, name: str, _: object) -> None:
    """Write a resizing as tf2onnx does, but to exactly the requested size.

    Runtimes and shape inference truncate side times factor: in float32, 28 times (227 / 28) is slightly less than 227
    and became 226. With the next larger factor it is 227.
    """
    _, height, width, _ = graph.get_shape(node.input[0])
    to_height, to_width = node.inputs[1].get_tensor_value()
    factors = np.array([1, 1, to_height / height, to_width / width], dtype=np.float32)
    factors = np.where(factors == np.round(factors), factors, np.nextafter(factors, np.float32(np.inf)))
    channels_first = graph.make_node("Transpose", [node.input[0]], {"perm": [0, 3, 1, 2]})
    region = graph.make_const(f"{name}_region", np.array([], dtype=np.float32))
    scales = graph.make_const(f"{name}_scales", factors, raw=False)
    resized = graph.make_node(
        "Resize",
        [channels_first.output[0], region.output[0], scales.output[0]],
        {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
    )
    shapes, dtypes = node.output_shapes, node.output_dtypes
    graph.remove_node(node.name)
    last = {"perm": [0, 2, 3, 1]}
    graph.make_node("Transpose", resized.output, last, name=name, outputs=node.output, shapes=shapes, dtypes=dtypes)


def _bind(graph: onnx.GraphProto, kernels: Mapping[str, NDArray[Any]]) -> None:
    """Turn the kernel inputs into constants, and compute once everything that depends only on constants."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer} | dict(kernels)
    remaining = []
    for node in graph.node:
        if node.input and all(name in constants for name in node.input):
            outputs = ReferenceEvaluator(node).run(None, {name: constants[name] for name in node.input})
            constants |= dict(zip(node.output, outputs, strict=True))
        else:
            remaining.append(node)
    used = {name for node in remaining for name in node.input}
    pictures = [tensor for tensor in graph.input if tensor.name not in kernels]
    for field in ("node", "input", "initializer"):
        graph.ClearField(field)
    graph.node.extend(remaining)
    graph.input.extend(pictures)
    graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(values), name)
        for name, values in constants.items()
        if name in used
    )


def parity(path: Path, inputs: NDArray[np.float32], probabilities: NDArray[np.float32]) -> float:
    """The largest difference between the outputs of an ONNX file and those of Keras.

    Args:
        path: the ONNX file.
        inputs: float32, shape (n, height, width, channels), values in [0, 1].
        probabilities: float32, shape (n, n_classes), Keras's outputs for `inputs`.

    Raises:
        TrainingFailed: they differ by more than 1e-4 (`parity`).
    """
    session = open_session(path.read_bytes(), ALL_CORES)
    difference = float(np.abs(session.run([OUTPUT_TENSOR], {INPUT_TENSOR: inputs})[0] - probabilities).max())
    if not difference <= MAX_DIFFERENCE:  # also true for NaN
        raise TrainingFailed(
            JobFailure(
                code="parity",
                message="The exported network gives other results than the trained one; expected a difference of at "
                f"most {MAX_DIFFERENCE}, got {difference:.2g}.",
                hint="This is a bug in the export, not an error in your request; please report the architecture.",
            )
        )
    return difference
