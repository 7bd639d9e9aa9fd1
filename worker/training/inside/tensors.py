"""Finds each Keras layer in an ONNX file by comparing numbers, because the exporter makes names of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from worker.artifacts import INPUT_TENSOR, OUTPUT_TENSOR
from worker.inside.layout import channels_last, differs_by, keras_kernel, keras_output
from worker.inside.protobuf import with_outputs
from worker.inside.record import KernelTensor
from worker.onnx_sessions import ALL_CORES, open_session

MOST_DIFFERENCE = 1e-4
"""Between a layer's output in Keras and in ONNX Runtime, relative to its largest value."""
_KERNELS = {"Conv2D": "kernel", "DepthwiseConv2D": "kernel", "SeparableConv2D": "depthwise_kernel"}
"""By Keras class: its kernel over height and width."""


@dataclass(frozen=True)
class Place:
    """Where a layer's output is in the ONNX file.

    Attributes:
        tensor: its name.
        is_channels_last: its axes are (n, height, width, channels).
    """

    tensor: str
    is_channels_last: bool


def find_places(
    network: keras.Model, graph: onnx.GraphProto, model: bytes, images: NDArray[np.float32]
) -> dict[str, Place]:
    """The place of every layer that is found, by the layer's name.

    Args:
        network: as it was exported.
        graph: of the file.
        model: the file.
        images: float32, shape (n, height, width, channels), values in [0, 1]; a few are enough.
    """
    found = _all_tensors(graph, model, images)
    layers = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
    outputs = keras.Model(network.inputs[0], [layer.output for layer in layers])(images, training=False)
    # The first that fits: a later one that is equal, such as that of a dropout, is computed from it.
    places = {
        layer.name: _place_of(np.asarray(keras.ops.convert_to_numpy(output)), found)
        for layer, output in zip(layers, outputs if isinstance(outputs, list) else [outputs], strict=True)
    }
    return {name: place for name, place in places.items() if place is not None}


def _all_tensors(graph: onnx.GraphProto, model: bytes, images: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    names = [name for node in graph.node for name in node.output if name]
    session = open_session(with_outputs(model, outputs_of(names)), ALL_CORES)
    return dict(zip(names, session.run(names, {INPUT_TENSOR: images}), strict=True))


def _place_of(expected: NDArray[Any], tensors: Mapping[str, NDArray[Any]]) -> Place | None:
    for name, values in tensors.items():
        if values.dtype != np.float32 or values.ndim != expected.ndim:
            continue
        is_last = channels_last(values, expected.shape[1:])
        # Where height, width and channels are equal, both orders are possible.
        orders = [] if is_last is None else [is_last, True] if values.shape == expected.shape else [is_last]
        for order in orders:
            if differs_by(keras_output(values, is_channels_last=order), expected) <= MOST_DIFFERENCE:
                return Place(name, order and values.ndim == 4)
    return None


def find_kernels(network: keras.Model, graph: onnx.GraphProto) -> dict[str, KernelTensor]:
    """The kernel of every convolution that is found, by the layer's name."""
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer if len(tensor.dims) == 4}
    kernels = {}
    for layer in network.layers:
        attribute = _KERNELS.get(type(layer).__name__)
        if attribute is not None:
            kernel = _kernel_of(np.asarray(keras.ops.convert_to_numpy(getattr(layer, attribute))), tensors)
            if kernel is not None:
                kernels[layer.name] = kernel
    return kernels


def _kernel_of(expected: NDArray[Any], tensors: Mapping[str, NDArray[Any]]) -> KernelTensor | None:
    height, width, channels, filters = expected.shape
    for name, values in tensors.items():
        kernel = keras_kernel(values, (height, width, channels, filters))
        if kernel is not None and np.array_equal(kernel, expected):
            return KernelTensor(tensor=name, shape=(height, width, channels, filters))
    return None


def logits_of(graph: onnx.GraphProto) -> str | None:
    """Name of the tensor that the last softmax makes probabilities of."""
    makers = {name: node for node in graph.node for name in node.output}
    node = makers.get(OUTPUT_TENSOR)
    while node is not None and node.op_type == "Identity":
        node = makers.get(node.input[0])
    return node.input[0] if node is not None and node.op_type == "Softmax" else None


def outputs_of(names: Sequence[str]) -> list[str]:
    """Those tensors, each once, that have to be added to the network's own output."""
    return [name for name in dict.fromkeys(names) if name != OUTPUT_TENSOR]
