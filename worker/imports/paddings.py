"""Zero padding, also the uneven one that Keras's own networks put before convolutions with a stride.

They pad by hand what TensorFlow's padding `same` would add, so padding and convolution become one with that padding.
"""

from dataclasses import replace

from worker.architectures.shapes import Shape
from worker.imports.arguments import Arguments
from worker.imports.layer_graph import Node
from worker.imports.steps import Steps, refused, step
from worker.imports.weights import Weights

PADDING = "ZeroPadding2D"
_CONVOLUTIONS = frozenset({"Conv2D", "DepthwiseConv2D", "SeparableConv2D"})

Sides = tuple[tuple[int, int], tuple[int, int]]
"""Above and below, left and right."""


def zero_padding(node: Node, shape: Shape, weights: Weights) -> Steps:
    """Zeros around a map, as many on one side as on the other."""
    rows, columns = _sides_of(node)
    if is_uneven(node):
        raise refused(node, "it adds more on one side than on the other, and no convolution follows")
    return (step(node, "zero_padding2d", padding=[rows[0], columns[0]]),)


def is_uneven(node: Node) -> bool:
    """Whether a layer adds more zeros on one side than on the other."""
    return node.kind == PADDING and any(before != after for before, after in _sides_of(node))


def with_padding(node: Node, padding: Node, shape: Shape) -> Node:
    """A convolution together with the uneven padding before it.

    Args:
        node: behind the padding.
        padding: the layer that adds zeros.
        shape: before the padding.

    Raises:
        ImportRefused: the two are not what padding `same` does.
    """
    config = node.config
    if node.kind in _CONVOLUTIONS and config.get("padding", "valid") == "valid" and len(shape) == 3:
        window, strides = (_pair(config.get(name, 1)) for name in ("kernel_size", "strides"))
        if window and strides and _sides_of(padding) == _same(shape, window, strides):
            return replace(node, config={**config, "padding": "same"})
    raise refused(padding, "it adds more on one side than on the other, and not what a convolution behind it needs")


def _same(shape: Shape, window: tuple[int, int], strides: tuple[int, int]) -> Sides:
    """What TensorFlow adds for the padding `same`."""

    def added(side: int, length: int, stride: int) -> tuple[int, int]:
        total = max(0, (-(-side // stride) - 1) * stride + length - side)
        return total // 2, total - total // 2

    return added(shape[0], window[0], strides[0]), added(shape[1], window[1], strides[1])


def _pair(value: object) -> tuple[int, int] | None:
    match value:
        case [int(height), int(width)] if height > 0 and width > 0:
            return height, width
        case int(side) if side > 0:
            return side, side
    return None


def _sides_of(node: Node) -> Sides:
    match Arguments(node, "padding").get("padding", 1):
        case [[int(top), int(bottom)], [int(left), int(right)]]:
            return (top, bottom), (left, right)
        case [int(rows), int(columns)]:
            return (rows, rows), (columns, columns)
        case int(size):
            return (size, size), (size, size)
    raise refused(node, "its padding cannot be read")
