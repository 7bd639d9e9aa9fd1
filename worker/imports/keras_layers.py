"""Translates single Keras layers into the grammar, together with their weights.

Each class of Keras that can be imported has a function here or in `pixel_layers`. What has no function is refused by
name: nothing of a file is ever looked up in Keras.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from worker.architectures.shapes import Shape
from worker.imports.arguments import Arguments, require_last_axis
from worker.imports.layer_graph import Node
from worker.imports.paddings import zero_padding
from worker.imports.pixel_layers import normalization, operation, rescaling
from worker.imports.steps import Joined, Step, Steps, refused, step
from worker.imports.weights import Weights

Translation = Callable[[Node, Shape, Weights], Steps]
MERGES = frozenset({"Add", "Concatenate"})
RESIZING = "Resizing"
GRAMMAR_SLOPE = 0.2
"""Of `leaky_relu` in the grammar, which is that of Keras's function; Keras's layer has 0.3."""
HINT = "It can still be served if you export it as ONNX."


def translate(node: Node, shape: Shape, weights: Weights) -> Steps:
    """The layers of the grammar that do what a layer of the file does; none for one that does nothing.

    Args:
        node: the layer, with one input.
        shape: of its input.
        weights: of the file.

    Raises:
        ImportRefused: the grammar has no such layer.
    """
    if node.numbers:
        return operation(node, shape, weights)
    found = _LAYERS.get(node.kind)
    if found is None:
        raise refused(node, f"layers of this kind cannot be imported; expected one of {', '.join(KINDS)}", HINT)
    return found(node, shape, weights)


def _conv2d(node: Node, shape: Shape, weights: Weights) -> Steps:
    arguments = Arguments(node, "filters", "kernel_size", "strides", "padding", "activation", "use_bias")
    fields = _window(arguments, "kernel_size") | {"filters": arguments.get("filters")}
    fields |= {"strides": arguments.get("strides", 1), "kernel_initializer": arguments.initializer()}
    empty = step(node, "conv2d", **fields, **_ends(arguments)).layer
    height, width = empty.kernel_size  # type: ignore[union-attr]
    filters = empty.filters  # type: ignore[union-attr]
    return (_weighted(node, empty, weights, [(height, width, shape[-1], filters)], filters),)


def _depthwise(node: Node, shape: Shape, weights: Weights) -> Steps:
    known = ("kernel_size", "strides", "padding", "depth_multiplier", "activation", "use_bias")
    arguments = Arguments(node, *known)
    fields = _window(arguments, "kernel_size") | {"depth_multiplier": arguments.get("depth_multiplier", 1)}
    empty = step(node, "depthwise_conv2d", **fields, strides=arguments.side("strides", 1), **_ends(arguments)).layer
    height, width = empty.kernel_size  # type: ignore[union-attr]
    multiplier = empty.depth_multiplier  # type: ignore[union-attr]
    kernel = (height, width, shape[-1], multiplier)
    return (_weighted(node, empty, weights, [kernel], shape[-1] * multiplier),)


def _separable(node: Node, shape: Shape, weights: Weights) -> Steps:
    known = ("filters", "kernel_size", "strides", "padding", "depth_multiplier", "activation", "use_bias")
    arguments = Arguments(node, *known)
    if arguments.get("depth_multiplier", 1) != 1:
        raise refused(node, "its depth_multiplier cannot be imported; expected 1")
    fields = _window(arguments, "kernel_size") | {"filters": arguments.get("filters")}
    empty = step(node, "separable_conv2d", **fields, strides=arguments.side("strides", 1), **_ends(arguments)).layer
    height, width = empty.kernel_size  # type: ignore[union-attr]
    filters = empty.filters  # type: ignore[union-attr]
    kernels = [(height, width, shape[-1], 1), (1, 1, shape[-1], filters)]
    return (_weighted(node, empty, weights, kernels, filters),)


def _dense(node: Node, shape: Shape, weights: Weights) -> Steps:
    arguments = Arguments(node, "units", "activation", "use_bias")
    fields = {"units": arguments.get("units"), "kernel_initializer": arguments.initializer()}
    empty = step(node, "dense", **fields, **_ends(arguments)).layer
    units = empty.units  # type: ignore[union-attr]
    if not isinstance(units, int) or len(shape) != 1:
        raise refused(node, "a dense layer works on a vector; expected a flatten or global pooling before it")
    return (_weighted(node, empty, weights, [(shape[0], units)], units),)


def _weighted(node: Node, layer: object, weights: Weights, kernels: Sequence[tuple[int, ...]], n_outputs: int) -> Step:
    shapes = [*kernels, (n_outputs,)] if layer.use_bias else kernels  # type: ignore[attr-defined]
    return Step(layer, weights.keep(node, shapes))  # type: ignore[arg-type]


def _window(arguments: Arguments, name: str) -> dict[str, Any]:
    return {name: arguments.get(name), "padding": arguments.get("padding", "valid")}


def _ends(arguments: Arguments) -> dict[str, Any]:
    return {"activation": arguments.activation(), "use_bias": arguments.flag("use_bias", default=True)}


def _batch_normalization(node: Node, shape: Shape, weights: Weights) -> Steps:
    arguments = Arguments(node, "axis", "momentum", "epsilon", "center", "scale")
    require_last_axis(node, arguments.get("axis", -1), shape)
    fields = {"momentum": arguments.number("momentum", 0.99), "epsilon": arguments.number("epsilon", 1e-3)}
    channels = shape[-1]
    has_scale, has_centre = arguments.flag("scale", default=True), arguments.flag("center", default=True)
    given = iter(weights.take(node, [(channels,)] * (2 + has_scale + has_centre)))
    gamma = next(given) if has_scale else np.ones(channels, np.float32)
    beta = next(given) if has_centre else np.zeros(channels, np.float32)
    arrays = tuple(weights.numbers.add(values) for values in (gamma, beta, *given))
    return (step(node, "batch_normalization", arrays, **fields),)


def _max_pooling(node: Node, shape: Shape, weights: Weights) -> Steps:
    return (_pooling(node, "max_pooling2d"),)


def _average_pooling(node: Node, shape: Shape, weights: Weights) -> Steps:
    return (_pooling(node, "average_pooling2d"),)


def _pooling(node: Node, layer_type: str) -> Step:
    arguments = Arguments(node, "pool_size", "strides", "padding")
    window = {"pool_size": arguments.get("pool_size", 2), "padding": arguments.get("padding", "valid")}
    found = step(node, layer_type, strides=arguments.get("strides"), **window).layer
    is_usual = found.strides == found.pool_size  # type: ignore[union-attr]
    return Step(found.model_copy(update={"strides": None}) if is_usual else found)


def _global_average(node: Node, shape: Shape, weights: Weights) -> Steps:
    arguments = Arguments(node, "keepdims")
    _require_map(node, shape)
    if arguments.flag("keepdims", default=False):
        return (step(node, "average_pooling2d", pool_size=list(shape[:2])),)
    return (step(node, "global_average_pooling2d"),)


def _global_max(node: Node, shape: Shape, weights: Weights) -> Steps:
    arguments = Arguments(node, "keepdims")
    _require_map(node, shape)
    pooled = step(node, "max_pooling2d", pool_size=list(shape[:2]))
    return (pooled,) if arguments.flag("keepdims", default=False) else (pooled, step(node, "flatten"))


def _require_map(node: Node, shape: Shape) -> None:
    if len(shape) != 3:
        raise refused(node, f"it works on a map; got a vector of {shape[0]} values")


def _flatten(node: Node, shape: Shape, weights: Weights) -> Steps:
    Arguments(node)
    return (step(node, "flatten"),) if len(shape) == 3 else ()


def _reshape(node: Node, shape: Shape, weights: Weights) -> Steps:
    target = Arguments(node, "target_shape").get("target_shape")
    if target in ([-1], [prod(shape)]):
        return _flatten(Node(node.name, node.kind, {}, node.inputs), shape, weights)
    if target == list(shape):
        return ()
    raise refused(node, "it can be imported only where it makes a vector of everything")


def _dropout(node: Node, shape: Shape, weights: Weights) -> Steps:
    rate = Arguments(node, "rate").number("rate", 0.0)
    return (step(node, "dropout", rate=rate),)


def _activation(node: Node, shape: Shape, weights: Weights) -> Steps:
    name = Arguments(node, "activation").activation()
    return (step(node, "activation", activation=name),) if name else ()


def _softmax(node: Node, shape: Shape, weights: Weights) -> Steps:
    require_last_axis(node, Arguments(node, "axis").get("axis", -1), shape)
    return (step(node, "activation", activation="softmax"),)


def _relu(node: Node, shape: Shape, weights: Weights) -> Steps:
    arguments = Arguments(node, "max_value", "negative_slope", "threshold")
    most, slope = arguments.get("max_value"), arguments.number("negative_slope", 0.0)
    if arguments.number("threshold", 0.0) != 0 or most not in (None, 6, 6.0) or (most is not None and slope):
        raise refused(node, "it can be imported only with max_value 6 or none, and without a threshold")
    if slope:
        return _leaky(node, slope)
    return (step(node, "activation", activation="relu" if most is None else "relu6"),)


def _leaky_relu(node: Node, shape: Shape, weights: Weights) -> Steps:
    arguments = Arguments(node, "negative_slope", "alpha")
    return _leaky(node, arguments.number("negative_slope", arguments.number("alpha", 0.3)))


def _leaky(node: Node, slope: float) -> Steps:
    """A leaky ReLU; with another slope than the grammar's, `relu(x) * (1 - slope) + x * slope`."""
    if abs(slope - GRAMMAR_SLOPE) < 1e-6:
        return (step(node, "activation", activation="leaky_relu"),)
    above = (step(node, "activation", activation="relu"), step(node, "rescaling", scale=1 - slope))
    return (Joined("residual", (above, (step(node, "rescaling", scale=slope),))),)


def _elu(node: Node, shape: Shape, weights: Weights) -> Steps:
    if Arguments(node, "alpha").number("alpha", 1.0) != 1:
        raise refused(node, "its alpha cannot be imported; expected 1")
    return (step(node, "activation", activation="elu"),)


def _nothing(node: Node, shape: Shape, weights: Weights) -> Steps:
    """Layers that change pictures only in training."""
    return ()


_LAYERS: Mapping[str, Translation] = {
    "Activation": _activation,
    "AveragePooling2D": _average_pooling,
    "BatchNormalization": _batch_normalization,
    "Conv2D": _conv2d,
    "Dense": _dense,
    "DepthwiseConv2D": _depthwise,
    "Dropout": _dropout,
    "ELU": _elu,
    "Flatten": _flatten,
    "GlobalAveragePooling2D": _global_average,
    "GlobalMaxPooling2D": _global_max,
    "LeakyReLU": _leaky_relu,
    "MaxPooling2D": _max_pooling,
    "Normalization": normalization,
    "ReLU": _relu,
    "Rescaling": rescaling,
    "Reshape": _reshape,
    "SeparableConv2D": _separable,
    "Softmax": _softmax,
    "ZeroPadding2D": zero_padding,
} | dict.fromkeys(
    (
        *("ActivityRegularization", "GaussianDropout", "GaussianNoise", "Identity", "SpatialDropout2D"),
        *("RandomBrightness", "RandomContrast", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom"),
    ),
    _nothing,
)
KINDS = tuple(sorted([*_LAYERS, *MERGES, "InputLayer", RESIZING]))


def scales_pixels(node: Node) -> bool:
    """Whether a layer does nothing, or the same with every value of a channel."""
    return bool(node.numbers) or _LAYERS.get(node.kind) in (_nothing, normalization, rescaling)
