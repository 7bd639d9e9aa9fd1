"""Writes the nodes that carry a slope through the nodes behind a layer, by the rules of differentiation.

A slope goes forward, with the network: how much each value changes for a small change of the layer's maps. Most nodes
are linear, and a copy without what they add does it; the few others are multiplied by their derivative at the picture.
All slopes of a batch share one picture, whose values the network has computed already.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

logger = logging.getLogger(__name__)

SLOPE = "slope_"
"""Prefix of everything that is written here."""

_LINEAR = frozenset(
    {
        *("AveragePool", "Flatten", "GlobalAveragePool", "Identity", "Neg", "ReduceMean", "ReduceSum", "Reshape"),
        *("Slice", "Squeeze", "Transpose", "Unsqueeze"),
    }
)
"""A copy of the node does it, with the slope in place of its first input."""


class Unknown(Exception):
    """There is no rule for an operator."""


class Slopes:
    """Follows a graph from one tensor on.

    Attributes:
        nodes: that were written so far.
        constants: that they need.
    """

    def __init__(self, start: str) -> None:
        """Begin at a tensor, whose slope `slope_of(start)` the caller makes."""
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._followed = {start}
        self._sizes: set[str] = set()

    def follow(self, node: onnx.NodeProto) -> None:
        """Carry the slope through a node behind the start; nodes come in the order of the graph.

        Raises:
            Unknown: there is no rule for it.
        """
        changing = [name for name in node.input if name in self._followed]
        if node.op_type == "Shape" or not changing:
            # How many pictures there are: with slopes, how many of them.
            self._copy(node, node.input)
            self._sizes |= set(node.output)
            return
        self._carry(node, changing)
        self._followed |= {name for name in node.output if name}

    def _carry(self, node: onnx.NodeProto, changing: Sequence[str]) -> None:
        is_first = changing == [node.input[0]]
        if (
            (node.op_type in _LINEAR and is_first)
            or (node.op_type == "MatMul" and len(changing) == 1)
            or (node.op_type == "Concat" and changing == list(node.input))
        ):
            self._copy(node, node.input)
        elif node.op_type in {"Conv", "Gemm"} and is_first:
            self._copy(node, node.input[:2])  # without what is added
        elif node.op_type in {"Add", "Sub"}:
            self._sum(node, changing)
        elif node.op_type == "Mul":
            self._product(node)
        elif node.op_type in _RULES and is_first:
            _RULES[node.op_type](self, node)
        else:
            raise Unknown(node.op_type)

    def add(self, kind: str, inputs: Sequence[str], output: str, **options: Any) -> str:
        """Write one node, and return the name of its output."""
        name = SLOPE + output
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **options))
        return name

    def constant(self, name: str, values: float | Sequence[int]) -> str:
        """Keep a number, or some whole numbers, and return the name."""
        array = np.array(values, np.float32 if isinstance(values, float) else np.int64)
        self.constants.append(numpy_helper.from_array(array, SLOPE + name))
        return SLOPE + name

    def scaled(self, node: onnx.NodeProto, derivative: str) -> None:
        """Multiply the slope of a node's input by its derivative."""
        self.add("Mul", [slope_of(node.input[0]), derivative], node.output[0])

    def _copy(self, node: onnx.NodeProto, inputs: Sequence[str]) -> None:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.name, copy.doc_string = SLOPE + node.name, ""
        copy.input[:] = [self._slope(name) for name in inputs]
        copy.output[:] = [SLOPE + name for name in node.output[:1]]
        self.nodes.append(copy)

    def _sum(self, node: onnx.NodeProto, changing: Sequence[str]) -> None:
        if len(changing) == 2:
            self._copy(node, node.input)
        elif node.op_type == "Sub" and changing == [node.input[1]]:
            self.add("Neg", [slope_of(changing[0])], node.output[0])
        else:
            self.add("Identity", [slope_of(changing[0])], node.output[0])

    def _product(self, node: onnx.NodeProto) -> None:
        first, second = node.input
        output = node.output[0]
        if not {first, second} <= self._followed:
            self._copy(node, node.input)
            return
        one = self.add("Mul", [slope_of(first), second], f"{output}_first")
        other = self.add("Mul", [first, slope_of(second)], f"{output}_second")
        self.add("Add", [one, other], output)

    def _slope(self, name: str) -> str:
        """The slope of a tensor; a tensor without one is read as it is."""
        return slope_of(name) if name in self._followed | self._sizes else name


def slope_of(name: str) -> str:
    """Name of the slope of a tensor."""
    return SLOPE + name


def slopes_behind(start: str, behind: Iterable[onnx.NodeProto]) -> Slopes | None:
    """The slopes of all nodes behind a tensor; None where there is no rule for one of them."""
    slopes = Slopes(start)
    try:
        for node in behind:
            slopes.follow(node)
    except Unknown as error:
        logger.info("no slopes through the operator %s", error)
        return None
    return slopes


def _option(node: onnx.NodeProto, name: str, default: float) -> float:
    return next((float(attribute.f) for attribute in node.attribute if attribute.name == name), default)


def _relu(slopes: Slopes, node: onnx.NodeProto) -> None:
    # Of a value that is never negative, the sign is 0 or 1.
    slopes.scaled(node, slopes.add("Sign", [node.output[0]], f"{node.output[0]}_on"))


def _leaky_relu(slopes: Slopes, node: onnx.NodeProto) -> None:
    slopes.scaled(node, _where_positive(slopes, node, 1.0, None, _option(node, "alpha", 0.01)))


def _elu(slopes: Slopes, node: onnx.NodeProto) -> None:
    slopes.scaled(node, _where_positive(slopes, node, 1.0, node.output[0], _option(node, "alpha", 1.0)))


def _selu(slopes: Slopes, node: onnx.NodeProto) -> None:
    gamma, alpha = _option(node, "gamma", 1.0507009873554805), _option(node, "alpha", 1.6732632423543772)
    slopes.scaled(node, _where_positive(slopes, node, gamma, node.output[0], gamma * alpha))


def _where_positive(slopes: Slopes, node: onnx.NodeProto, above: float, plus: str | None, below: float) -> str:
    """A derivative that is one number above 0, and another one, to which a tensor may be added, below."""
    output = node.output[0]
    zero, high, low = (
        slopes.constant(f"{output}_{name}", number) for name, number in (("zero", 0.0), ("high", above), ("low", below))
    )
    is_positive = slopes.add("Greater", [node.input[0], zero], f"{output}_positive")
    other = low if plus is None else slopes.add("Add", [plus, low], f"{output}_below")
    return slopes.add("Where", [is_positive, high, other], f"{output}_derivative")


def _clip(slopes: Slopes, node: onnx.NodeProto) -> None:
    inside = [
        slopes.add(kind, [node.input[0], limit], f"{node.output[0]}_{kind}")
        for kind, limit in zip(("Greater", "Less"), node.input[1:], strict=False)
        if limit
    ]
    if not inside:
        raise Unknown(node.op_type)
    both = inside[0] if len(inside) == 1 else slopes.add("And", inside, f"{node.output[0]}_inside")
    slopes.scaled(node, slopes.add("Cast", [both], f"{node.output[0]}_on", to=onnx.TensorProto.FLOAT))


def _sigmoid(slopes: Slopes, node: onnx.NodeProto) -> None:
    (output,) = node.output
    square = slopes.add("Mul", [output, output], f"{output}_square")
    slopes.scaled(node, slopes.add("Sub", [output, square], f"{output}_derivative"))


def _tanh(slopes: Slopes, node: onnx.NodeProto) -> None:
    (output,) = node.output
    square = slopes.add("Mul", [output, output], f"{output}_square")
    one = slopes.constant(f"{output}_one", 1.0)
    slopes.scaled(node, slopes.add("Sub", [one, square], f"{output}_derivative"))


def _softplus(slopes: Slopes, node: onnx.NodeProto) -> None:
    slopes.scaled(node, slopes.add("Sigmoid", [node.input[0]], f"{node.output[0]}_derivative"))


def _softsign(slopes: Slopes, node: onnx.NodeProto) -> None:
    (output,) = node.output
    size = slopes.add("Abs", [output], f"{output}_size")
    left = slopes.add("Sub", [slopes.constant(f"{output}_one", 1.0), size], f"{output}_left")
    slopes.scaled(node, slopes.add("Mul", [left, left], f"{output}_derivative"))


def _softmax(slopes: Slopes, node: onnx.NodeProto) -> None:
    (output,) = node.output
    axis = next((int(attribute.i) for attribute in node.attribute if attribute.name == "axis"), -1)
    weighted = slopes.add("Mul", [output, slope_of(node.input[0])], f"{output}_weighted")
    axes = slopes.constant(f"{output}_axis", [axis])
    total = slopes.add("ReduceSum", [weighted, axes], f"{output}_total", keepdims=1)
    slopes.add("Sub", [weighted, slopes.add("Mul", [output, total], f"{output}_share")], output)


def _max_pool(slopes: Slopes, node: onnx.NodeProto) -> None:
    """The slope at the place of each window's largest value."""
    (output,) = node.output
    places = f"{SLOPE}{output}_places"
    again = onnx.NodeProto()
    again.CopyFrom(node)
    again.name, again.output[:] = f"{SLOPE}{node.name}_again", [f"{SLOPE}{output}_again", places]
    slopes.nodes.append(again)
    flat = slopes.constant(f"{output}_flat", [-1])
    rows = slopes.constant(f"{output}_rows", [0, -1])
    one, four = slopes.constant(f"{output}_one", [1]), slopes.constant(f"{output}_four", [4])
    # The places count through the whole picture, the only one of its batch.
    chosen = slopes.add("Reshape", [places, flat], f"{output}_chosen")
    values = slopes.add("Reshape", [slope_of(node.input[0]), rows], f"{output}_values")
    found = slopes.add("Gather", [values, chosen], f"{output}_found", axis=1)
    shape = slopes.add("Shape", [output], f"{output}_shape")
    sides = slopes.add("Slice", [shape, one, four], f"{output}_sides")
    slopes.add("Reshape", [found, slopes.add("Concat", [flat, sides], f"{output}_batch", axis=0)], output)


_RULES: Mapping[str, Callable[[Slopes, onnx.NodeProto], None]] = {
    "Clip": _clip,
    "Elu": _elu,
    "LeakyRelu": _leaky_relu,
    "MaxPool": _max_pool,
    "Relu": _relu,
    "Selu": _selu,
    "Sigmoid": _sigmoid,
    "Softmax": _softmax,
    "Softplus": _softplus,
    "Softsign": _softsign,
    "Tanh": _tanh,
}
"""What is not linear, by operator."""
