"""From the axes of ONNX to those of Keras. Arrays only."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]


def keras_kernel(values: Values, shape: tuple[int, int, int, int]) -> Values | None:
    """A convolution's kernel with Keras's axes; None if the values cannot be a kernel of this shape.

    Args:
        values: shape (filters, channels, height, width), or (channels * filters per channel, 1, height, width).
        shape: height, width, channels, filters; of a depthwise kernel: filters per channel.
    """
    height, width, channels, filters = shape
    if values.shape == (filters, channels, height, width):
        return values.transpose(2, 3, 1, 0)
    if values.shape == (channels * filters, 1, height, width):
        return values.reshape(channels, filters, height, width).transpose(2, 3, 0, 1)
    return None


def keras_output(values: Values, *, is_channels_last: bool) -> Values:
    """A layer's output with Keras's axes: (n, height, width, channels), or (n, values)."""
    return values if values.ndim != 4 or is_channels_last else values.transpose(0, 2, 3, 1)


def switches_shape(output_shape: tuple[int, ...], *, is_channels_last: bool) -> tuple[int, ...]:
    """The shape by which a layer's tensor is multiplied channel by channel: 1 but for the channels."""
    n_channels = output_shape[-1]
    if len(output_shape) == 1:
        return (1, n_channels)
    return (1, 1, 1, n_channels) if is_channels_last else (1, n_channels, 1, 1)


def channels_last(values: Values, output_shape: tuple[int, ...]) -> bool | None:
    """Whether an ONNX tensor may be a layer's output with its channels last, or first; None if it cannot be either.

    Args:
        values: of a batch.
        output_shape: of one picture, as Keras has it. Where height, width and channels are equal, both are possible.
    """
    found = tuple(values.shape[1:])
    if len(output_shape) == 3 and found == (output_shape[2], *output_shape[:2]):
        return False
    return True if found == output_shape else None


def differs_by(values: Values, expected: Values) -> float:
    """The largest difference, relative to the largest value; infinite when something is not a number.

    Relative, because values may be small everywhere: a fresh batch normalization changes them by only 0.05 %.
    """
    scale = max(1e-6, float(np.abs(expected).max(initial=0)))
    difference = float(np.abs(values - expected).max(initial=0)) / scale
    return difference if np.isfinite(difference) else float("inf")
