"""Translates what scales pixels: rescaling, normalization, operations with numbers, and the client's preprocessing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.architectures.shapes import Shape
from worker.imports.arguments import Arguments
from worker.imports.errors import ImportRefused, short
from worker.imports.layer_graph import Node
from worker.imports.options import PixelScaling
from worker.imports.steps import Steps, refused, step
from worker.imports.weights import NumbersFile, Weights

SMALLEST_DEVIATION = 1e-7
"""Keras's epsilon, which its normalization uses."""
_EXACT = 1e-7
"""Epsilon of a batch normalization that stands for other numbers, the smallest of the grammar; 5e-8 of each value."""


def rescaling(node: Node, shape: Shape, weights: Weights) -> Steps:
    """Keras's Rescaling, with one number or one for each channel."""
    arguments = Arguments(node, "scale", "offset")
    scale = _numbers(node, "scale", arguments.get("scale", 1.0), shape)
    offset = _numbers(node, "offset", arguments.get("offset", 0.0), shape)
    return affine(node, scale, offset, shape, weights.numbers)


def normalization(node: Node, shape: Shape, weights: Weights) -> Steps:
    """Keras's Normalization, with numbers in its configuration or among the weights."""
    arguments = Arguments(node, "axis", "invert", "mean", "variance")
    axis = arguments.get("axis")
    if axis not in (None, -1, len(shape), [-1], [len(shape)], []):
        raise refused(node, f"its axis cannot be imported; expected the channels, which are last, got {short(axis)}")
    mean, variance = arguments.get("mean"), arguments.get("variance")
    if mean is None or variance is None:
        mean, variance = _adapted(node, weights, shape, per_channel=axis not in (None, []))
    mean, variance = (_numbers(node, "mean", mean, shape), _numbers(node, "variance", variance, shape))
    if (variance < 0).any():
        raise refused(node, "its variance is negative")
    deviation = np.maximum(np.sqrt(variance), SMALLEST_DEVIATION)
    if arguments.flag("invert", default=False):
        return affine(node, deviation, mean, shape, weights.numbers)
    return affine(node, 1 / deviation, -mean / deviation, shape, weights.numbers)


def operation(node: Node, shape: Shape, weights: Weights) -> Steps:
    """An operation between the pictures and a number, such as `x / 127.5`."""
    scale, offset = _of_operation(node)
    return affine(node, np.array(scale), np.array(offset), shape, weights.numbers)


def affine(
    node: Node, scale: NDArray[np.float64], offset: NDArray[np.float64], shape: Shape, numbers: NumbersFile
) -> Steps:
    """Every value times `scale` plus `offset`: a rescaling, or a batch normalization where channels differ."""
    if scale.size == 1 and offset.size == 1:
        return (step(node, "rescaling", scale=float(scale), offset=float(offset)),)
    channels = shape[-1]
    gamma, beta = (np.broadcast_to(values.astype(np.float32), (channels,)) for values in (scale, offset))
    rest = np.zeros(channels, np.float32), np.full(channels, 1 - _EXACT, np.float32)
    arrays = tuple(numbers.add(values) for values in (gamma, beta, *rest))
    return (step(node, "batch_normalization", arrays, epsilon=_EXACT),)


def preprocessing(node: Node, scaling: PixelScaling, shape: Shape, numbers: NumbersFile) -> Steps:
    """What the client says that the model expects of pixels, as layers that take pixels in [0, 1]."""
    scale, offset = _of_client(scaling.scale, "scale", shape), _of_client(scaling.offset, "offset", shape)
    if scaling.channels == "rgb":
        return affine(node, 255 * scale, offset, shape, numbers)
    if shape[-1] != 3:
        raise refused(node, f"blue can come first only among three channels; the model has {shape[-1]}")
    kernel = np.zeros((1, 1, 3, 3), np.float32)
    for number in range(3):
        kernel[0, 0, 2 - number, number] = 255 * np.broadcast_to(scale, 3)[number]
    arrays = numbers.add(kernel), numbers.add(np.broadcast_to(offset, 3).astype(np.float32))
    return (step(node, "conv2d", arrays, filters=3, kernel_size=1),)


def _of_client(values: float | Sequence[float], name: str, shape: Shape) -> NDArray[np.float64]:
    found = np.array(values, np.float64)
    if found.size not in (1, shape[-1]):
        raise ImportRefused(
            f"The {name} of the preprocessing does not fit; expected one number or {shape[-1]}, got {found.size}."
        )
    return found


def _adapted(node: Node, weights: Weights, shape: Shape, *, per_channel: bool) -> tuple[Any, Any]:
    """Mean and variance among the weights, behind which Keras keeps a count."""
    if weights.count_of(node) not in (2, 3):
        raise refused(node, "it was never adapted, and has neither a mean nor a variance")
    one = (shape[-1],) if per_channel else ()
    mean, variance = weights.take(node, [one, one], or_more=True)
    return mean.tolist(), variance.tolist()


def _numbers(node: Node, name: str, value: object, shape: Shape) -> NDArray[np.float64]:
    """One number, or one for each channel, possibly inside lists of one entry."""
    try:
        found = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        found = np.array(np.nan)
    if found.size in (1, shape[-1]) and found.ndim <= 4:
        found = found.reshape(()) if found.size == 1 else found.reshape(-1)
    if found.ndim > 1 or found.size not in (1, shape[-1]) or not (np.abs(found) <= 1e6).all():
        raise refused(node, f"its {name} cannot be read; expected one number or one for each of {shape[-1]} channels")
    return found


def _of_operation(node: Node) -> tuple[float, float]:
    match node.kind, node.numbers:
        case "Multiply", (None, float(factor)) | (float(factor), None):
            return factor, 0.0
        case "TrueDivide" | "Divide", (None, float(divisor)) if divisor:
            return 1 / divisor, 0.0
        case "Add", (None, float(offset)) | (float(offset), None):
            return 1.0, offset
        case "Subtract", (None, float(offset)):
            return 1.0, -offset
        case "Subtract", (float(offset), None):
            return -1.0, offset
    raise refused(node, "operations of this kind cannot be imported; expected +, -, * or / with one number")
