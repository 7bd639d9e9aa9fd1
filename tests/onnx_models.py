"""Makes ONNX files by hand, good and bad ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CLASSES = 3
SHAPE = (6, 6, 3)
_RANDOM = np.random.default_rng(2)
KERNEL: NDArray[np.float32] = _RANDOM.normal(size=(4, 3, 3, 3)).astype(np.float32)
WEIGHTS: NDArray[np.float32] = _RANDOM.normal(size=(4, CLASSES)).astype(np.float32)


def node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> onnx.NodeProto:  # noqa: ANN401
    return helper.make_node(kind, list(inputs), [output], name=output, **attributes)


def usual_nodes(end: str = "logits") -> list[onnx.NodeProto]:
    """A convolution, global pooling, and a value for each class."""
    return [
        node("Conv", ["x", "kernel"], "conv"),
        node("Relu", ["conv"], "relu"),
        node("GlobalAveragePool", ["relu"], "pooled"),
        node("Flatten", ["pooled"], "flat"),
        node("MatMul", ["flat", "weights"], end),
    ]


def model(
    nodes: Sequence[onnx.NodeProto],
    batch: int | str = "n",
    output: str = "logits",
    constants: dict[str, NDArray[Any]] | None = None,
    opset: int = 17,
    axes: Sequence[int | str] = (3, 6, 6),
) -> onnx.ModelProto:
    """A model whose pictures are channels first."""
    given = {"kernel": KERNEL, "weights": WEIGHTS} | (constants or {})
    used = {name for one in nodes for name in one.input}
    graph = helper.make_graph(
        list(nodes),
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *axes])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(values, name) for name, values in given.items() if name in used],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def probabilities_of(pictures: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the usual nodes and a softmax answer, by NumPy; pictures are channels last, as the graph expects values."""
    windows = np.lib.stride_tricks.sliding_window_view(pictures.transpose(0, 3, 1, 2), (3, 3), axis=(2, 3))
    maps = np.maximum(np.einsum("nchwij,fcij->nfhw", windows, KERNEL), 0)
    logits = maps.mean(axis=(2, 3)) @ WEIGHTS
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def hungry() -> onnx.ModelProto:
    """A few bytes that ask for terabytes, only when the graph runs."""
    wide = [
        *usual_nodes("before"),
        node("Expand", ["before", "huge"], "wide"),
        node("ReduceMax", ["wide"], "logits", axes=[0]),
    ]
    return model(wide, constants={"huge": np.array([2**38, 1, 1])})
