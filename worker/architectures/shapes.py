"""The output shape, parameters and FLOPs of one layer for a given input shape, in exact integers.

Every rule here is Keras's own; a test compares the two. This module sees one layer at a time: `analysis` handles names,
totals and composites.

FLOPs are for one picture in inference, a multiplication and an addition counted as two. A convolution or a
dense layer is 2 per weight use, its bias included; batch normalization is 2 per value; pooling is one per
value looked at; adding a residual is one per value. Activations, dropout, flattening, padding, concatenation,
rescaling and resizing count as 0.
"""

from dataclasses import dataclass
from math import prod

from worker.architectures.grammar import (
    ActivationLayer,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    Rescaling,
    SeparableConv2D,
    SimpleLayer,
    ZeroPadding2D,
)
from worker.architectures.layer_fields import by
from worker.architectures.layer_path import LayerPath

Shape = tuple[int, ...]
"""Of one picture, without the batch: (height, width, channels) for a map, (values,) for a vector."""


MAX_WHITENED = 256
"""Values of a patch that a whitening convolution may see."""


@dataclass(frozen=True)
class Measured:
    """One layer's output shape and cost. `frozen` parameters are those that gradients do not change."""

    output_shape: Shape
    parameters: int = 0
    frozen: int = 0
    flops: int = 0


def measure(layer: SimpleLayer, shape: Shape, n_classes: int, path: LayerPath) -> Measured:
    """Output shape and cost of one layer.

    Raises:
        ArchitectureError: the layer cannot take this shape.
    """
    match layer:
        case Dense():
            return _dense(layer, shape, n_classes, path)
        case BatchNormalization():
            return Measured(shape, parameters=4 * shape[-1], frozen=2 * shape[-1], flops=2 * prod(shape))
        case Dropout() | ActivationLayer() | Rescaling():
            return Measured(shape)
        case _:
            return _measure_on_map(layer, _as_map(shape, path), path)


MapLayer = (
    Conv2D
    | DepthwiseConv2D
    | SeparableConv2D
    | MaxPooling2D
    | AveragePooling2D
    | GlobalAveragePooling2D
    | Flatten
    | ZeroPadding2D
)


def _measure_on_map(layer: MapLayer, shape: tuple[int, int, int], path: LayerPath) -> Measured:
    height, width, channels = shape
    match layer:
        case Conv2D() | DepthwiseConv2D() | SeparableConv2D():
            return _convolution(layer, shape, path)
        case MaxPooling2D() | AveragePooling2D():
            return _pooling(layer, shape, path)
        case GlobalAveragePooling2D():
            return Measured((channels,), flops=prod(shape))
        case Flatten():
            return Measured((prod(shape),))
        case ZeroPadding2D():
            return Measured((height + 2 * layer.padding[0], width + 2 * layer.padding[1], channels))


def _as_map(shape: Shape, path: LayerPath) -> tuple[int, int, int]:
    match shape:
        case (height, width, channels):
            return (height, width, channels)
    raise path.error(
        wrong="this layer works on a map",
        expected="a shape of height, width and channels (is it after a flatten or a global pooling?)",
        got=f"a vector of {shape[0]} values",
    )


def _dense(layer: Dense, shape: Shape, n_classes: int, path: LayerPath) -> Measured:
    if len(shape) != 1:
        raise path.error(
            wrong="a dense layer works on a vector",
            expected="a flatten or global_average_pooling2d layer before it",
            got=f"a map of {by(shape)}",
        )
    units = n_classes if layer.units == "classes" else layer.units
    weights = shape[0] * units
    return Measured((units,), parameters=weights + units * layer.use_bias, flops=2 * weights)


def _convolution(
    layer: Conv2D | DepthwiseConv2D | SeparableConv2D, shape: tuple[int, int, int], path: LayerPath
) -> Measured:
    channels = shape[2]
    area = prod(layer.kernel_size)
    match layer:
        case Conv2D():
            filters, weights, strides = layer.filters, area * channels * layer.filters, layer.strides
        case SeparableConv2D():
            filters, weights = layer.filters, area * channels + channels * layer.filters
            strides = (layer.strides, layer.strides)
        case DepthwiseConv2D():
            filters = channels * layer.depth_multiplier
            weights, strides = area * filters, (layer.strides, layer.strides)
    height, width = _slide(layer.kernel_size, "kernel_size", strides, layer.padding, shape, path)
    is_whitening = isinstance(layer, Conv2D) and layer.kernel_initializer == "whitening"
    if is_whitening and area * channels > MAX_WHITENED:
        raise path.error(
            "kernel_initializer",
            wrong="whitening compares every value of a patch with every other, and a patch has too many",
            expected=f"at most {MAX_WHITENED} values (height and width of the kernel, times channels)",
            got=str(area * channels),
        )
    return Measured(
        (height, width, filters),
        parameters=weights + filters * layer.use_bias,
        frozen=weights * is_whitening,
        flops=2 * weights * height * width,
    )


def _pooling(layer: MaxPooling2D | AveragePooling2D, shape: tuple[int, int, int], path: LayerPath) -> Measured:
    strides = layer.strides or layer.pool_size
    height, width = _slide(layer.pool_size, "pool_size", strides, layer.padding, shape, path)
    return Measured((height, width, shape[2]), flops=prod(layer.pool_size) * height * width * shape[2])


def _slide(
    window: tuple[int, int],
    field: str,
    strides: tuple[int, int],
    padding: str,
    shape: tuple[int, int, int],
    path: LayerPath,
) -> tuple[int, int]:
    """Height and width of the output of a window that slides over a map."""
    height, width, _ = shape
    if padding == "same":
        return (-(-height // strides[0]), -(-width // strides[1]))
    if window[0] > height or window[1] > width:
        raise path.error(
            field,
            wrong="the window is larger than its input and nothing would be left",
            expected=f'{field} of at most {height}x{width}, or padding "same"',
            got=by(window),
        )
    return ((height - window[0]) // strides[0] + 1, (width - window[1]) // strides[1] + 1)
