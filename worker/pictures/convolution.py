"""Convolution and pooling of one picture, as the lesson shows them: the result, and the arithmetic of its shape.

As in networks, the kernel is not flipped (strictly, this is a cross-correlation), and every channel is treated alone.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

Pooling = Literal["max", "average"]
Kernel = tuple[tuple[float, ...], ...]
KERNELS = MappingProxyType(
    {
        "blur": ((1 / 9,) * 3,) * 3,
        "sharpen": ((0.0, -1.0, 0.0), (-1.0, 5.0, -1.0), (0.0, -1.0, 0.0)),
        "edge": ((-1.0, -1.0, -1.0), (-1.0, 8.0, -1.0), (-1.0, -1.0, -1.0)),
    }
)
"""The mean of nine pixels; the pixel and its difference from its four neighbours; its difference from all eight."""


class DoesNotFit(ValueError):
    """The kernel or the pool is larger than what it slides over."""


class ConvolutionStep(BaseModel, defer_build=True):
    """One operation and what it does to the shape."""

    operation: Literal["convolution", "pooling"]
    input_shape: tuple[int, int, int] = Field(description="Height, width, channels.", examples=[[28, 28, 1]])
    output_shape: tuple[int, int, int] = Field(description="Height, width, channels.", examples=[[26, 26, 1]])
    padding: tuple[int, int, int, int] = Field(
        description="Zeros added at the top, the bottom, the left and the right.", examples=[[0, 0, 0, 0]]
    )
    height: str = Field(description="How the height comes about.", examples=["(28 + 0 - 3) / 1 + 1 = 26"])
    width: str = Field(description="How the width comes about.", examples=["(28 + 0 - 3) / 1 + 1 = 26"])


@dataclass(frozen=True)
class Operation:
    """What is done to the picture.

    Attributes:
        kernel: rows of weights, all of one length.
        stride: pixels between two positions of the kernel, at least 1.
        padding: `valid` (none), `same` (as many zeros as keep the size at stride 1), or that many on each side.
        pooling: what is kept of every square of the convolved picture; None for no pooling.
        pool_size: side of these squares, which do not overlap.
    """

    kernel: Kernel
    stride: int = 1
    padding: Literal["valid", "same"] | int = "valid"
    pooling: Pooling | None = None
    pool_size: int = 2


def apply(pixels: NDArray[np.uint8], operation: Operation) -> tuple[NDArray[np.float32], list[ConvolutionStep]]:
    """Convolve a picture, then pool it.

    Args:
        pixels: uint8, shape (height, width, channels), values 0-255.
        operation: what to do.

    Returns:
        float32, shape (height, width, channels) of the last step, in units of pixel values, neither rounded nor cut;
        and the steps.

    Raises:
        DoesNotFit: nothing would be left.
    """
    values, step = _convolved(pixels.astype(np.float32), operation)
    if operation.pooling is None:
        return values, [step]
    pooled, pooling = _pooled(values, operation.pooling, operation.pool_size)
    return pooled, [step, pooling]


def shown(values: NDArray[np.float32], kernel: Kernel) -> NDArray[np.uint8]:
    """A result as a picture.

    Weights that add up to 0 find differences, and leave nothing of an even area: of such a result the size of each
    value is shown, black for none. Of any other kernel the values are shown. Both are cut to 0-255.
    """
    finds_differences = abs(sum(map(sum, kernel))) < 1e-6
    visible = np.abs(values) if finds_differences else values
    return np.asarray(np.rint(visible.clip(0, 255)), np.uint8)


def _convolved(values: NDArray[np.float32], operation: Operation) -> tuple[NDArray[np.float32], ConvolutionStep]:
    kernel, stride = np.asarray(operation.kernel, np.float32), operation.stride
    around = [_padding(size, side, operation) for size, side in zip(values.shape, kernel.shape, strict=False)]
    padded = np.pad(values, (*around, (0, 0)))
    step = _step("convolution", values.shape, kernel.shape, stride, around)
    height, width, channels = step.output_shape
    result = np.zeros((height, width, channels), np.float32)
    for (row, column), weight in np.ndenumerate(kernel):
        result += weight * _every(padded, row, column, stride, height, width)
    return result, step


def _pooled(values: NDArray[np.float32], pooling: Pooling, size: int) -> tuple[NDArray[np.float32], ConvolutionStep]:
    step = _step("pooling", values.shape, (size, size), size, [(0, 0), (0, 0)])
    height, width, channels = step.output_shape
    squares = values[: height * size, : width * size].reshape(height, size, width, size, channels)
    return (squares.max(axis=(1, 3)) if pooling == "max" else squares.mean(axis=(1, 3))), step


def _every(
    padded: NDArray[np.float32], row: int, column: int, stride: int, height: int, width: int
) -> NDArray[np.float32]:
    """What one weight of the kernel sees at all its positions."""
    bottom, right = row + stride * (height - 1) + 1, column + stride * (width - 1) + 1
    return padded[row:bottom:stride, column:right:stride]


def _padding(size: int, side: int, operation: Operation) -> tuple[int, int]:
    """Zeros before and after, as TensorFlow places them: of an odd number, one more after."""
    if operation.padding == "valid":
        return 0, 0
    if operation.padding == "same":
        positions = -(-size // operation.stride)
        missing = max(0, (positions - 1) * operation.stride + side - size)
        return missing // 2, missing - missing // 2
    return operation.padding, operation.padding


def _step(
    operation: Literal["convolution", "pooling"],
    shape: tuple[int, ...],
    window: tuple[int, ...],
    stride: int,
    around: list[tuple[int, int]],
) -> ConvolutionStep:
    sizes, texts = [], []
    for size, side, zeros in zip(shape, window, around, strict=False):
        sizes.append(_positions(size + sum(zeros), side, stride, operation))
        texts.append(_arithmetic(size, sum(zeros), side, stride, sizes[-1]))
    height, width, channels = shape
    return ConvolutionStep(
        operation=operation,
        input_shape=(height, width, channels),
        output_shape=(sizes[0], sizes[1], channels),
        padding=(*around[0], *around[1]),
        height=texts[0],
        width=texts[1],
    )


def _positions(size: int, side: int, stride: int, operation: str) -> int:
    if side > size:
        what = "kernel" if operation == "convolution" else "pool"
        raise DoesNotFit(f"the {what} is too large; expected at most {size} in this direction, got {side}")
    return (size - side) // stride + 1


def _arithmetic(size: int, zeros: int, side: int, stride: int, result: int) -> str:
    rounded = ", rounded down," if (size + zeros - side) % stride else ""
    return f"({size} + {zeros} - {side}) / {stride}{rounded} + 1 = {result}"
