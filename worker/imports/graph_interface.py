"""Finds the input and the output of an ONNX graph, and gives it those of every network here.

Around the graph come nodes: pixels are scaled and put into the order that the model wants, answers become
probabilities. The graph itself stays as it is; its names get a prefix, so that none of them is taken twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from worker.artifacts import INPUT_TENSOR, OUTPUT_TENSOR
from worker.imports.errors import ImportRefused, short
from worker.imports.graph_rules import opset_of
from worker.imports.limits import MAX_SIDE
from worker.imports.options import ImportedModel, PixelScaling

PREFIX = "imported_"
CHANNELS = (1, 3)
IR_VERSION = 8
_TYPES = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16, TensorProto.UINT8: np.uint8}

Ending = Literal["probabilities", "softmax", "exponent", "sigmoid", "binary"]
"""What is done with the answers: nothing; a softmax; an exponential, of their logarithms; a sigmoid and a second class;
a second class."""


@dataclass(frozen=True)
class Interface:
    """What goes into a graph and comes out.

    Attributes:
        input: its name.
        output: its name.
        element: type of the input's numbers.
        batch: pictures at once; None if the graph leaves it open.
        shape: height, width and channels.
        is_channels_last: order of the input's axes.
    """

    input: str
    output: str
    element: int
    batch: int | None
    shape: tuple[int, int, int]
    is_channels_last: bool


def interface_of(graph: onnx.GraphProto, imported: ImportedModel) -> Interface:
    """The interface of a graph.

    Raises:
        ImportRefused: it does not take one picture and give one list of numbers.
    """
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [entry for entry in graph.input if entry.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise ImportRefused(
            f"The model has {len(inputs)} inputs and {len(graph.output)} outputs; expected one picture and one output."
        )
    tensor = inputs[0].type.tensor_type
    if tensor.elem_type not in _TYPES or len(tensor.shape.dim) != 4:
        raise ImportRefused(
            f"The input {short(inputs[0].name)} is not a picture; expected four axes of float32, float16 or uint8."
        )
    batch, *sides = (axis.dim_value if axis.dim_value > 0 else None for axis in tensor.shape.dim)
    is_last = _is_channels_last(sides, imported)
    height, width, channels = sides if is_last else (*sides[1:], sides[0])
    if height is None or width is None:
        if imported.image_size is None:
            raise ImportRefused(
                "The model takes pictures of any size; expected one size.", "Name it: image_size=224, or 48x64."
            )
        height, width = imported.image_size
    if imported.image_size not in (None, (height, width)):
        raise ImportRefused(f"The model takes pictures of {height} x {width}, not of image_size.")
    if max(height, width) > MAX_SIDE or channels is None:
        raise ImportRefused(f"The model's pictures are {height} x {width}; expected sides of 1 to {MAX_SIDE}.")
    return Interface(inputs[0].name, graph.output[0].name, tensor.elem_type, batch, (height, width, channels), is_last)


def _is_channels_last(sides: list[int | None], imported: ImportedModel) -> bool:
    first, last = sides[0] in CHANNELS, sides[2] in CHANNELS
    if imported.layout != "auto":
        if not (last if imported.layout == "nhwc" else first):
            raise ImportRefused(f"The input's axes are {sides}; expected 1 or 3 channels where {imported.layout} says.")
        return imported.layout == "nhwc"
    if first == last:
        raise ImportRefused(
            f"The input's axes are {sides}; expected 1 or 3 channels either first or last.",
            "Name the layout: nhwc, nchw.",
        )
    return last


def served(
    model: onnx.ModelProto, interface: Interface, scaling: PixelScaling, ending: Ending | None, *, one_by_one: bool
) -> onnx.ModelProto:
    """The model with the input `images` and the output `probabilities`.

    Args:
        model: that was checked.
        interface: of its graph.
        scaling: what the model expects of pixels of 0 to 255.
        ending: what is done with its answers; None leaves them, one row for each picture.
        one_by_one: the graph takes exactly one picture, and is run once for each.
    """
    builder = _Builder(opset_of(model))
    pixels = builder.pixels(interface, scaling)
    inner = _prefixed(model.graph)
    ours, theirs = PREFIX + interface.input, PREFIX + interface.output
    if one_by_one:
        answers = builder.scan(inner, ours, theirs, pixels)
    else:
        builder.nodes.append(helper.make_node("Identity", [pixels], [ours], name=f"{ours}_of_pictures"))
        builder.nodes.extend(inner.node)
        builder.constants.extend(inner.initializer)
        answers = builder.flat(theirs)
    builder.finish(answers, ending)
    graph = helper.make_graph(
        builder.nodes,
        "imported",
        [helper.make_tensor_value_info(INPUT_TENSOR, TensorProto.FLOAT, ["n", *interface.shape])],
        [helper.make_tensor_value_info(OUTPUT_TENSOR, TensorProto.FLOAT, ["n", None])],
        builder.constants,
    )
    opset = helper.make_opsetid("", opset_of(model))
    return helper.make_model(graph, opset_imports=[opset], ir_version=max(IR_VERSION, model.ir_version))


def _prefixed(graph: onnx.GraphProto) -> onnx.GraphProto:
    """The nodes and constants, with other names and without notes about shapes, which may be wrong."""
    copy = onnx.GraphProto()
    for node in graph.node:
        renamed = copy.node.add()
        renamed.CopyFrom(node)
        renamed.name, renamed.doc_string, renamed.domain = PREFIX + node.name, "", ""
        renamed.input[:] = [PREFIX + name if name else "" for name in node.input]
        renamed.output[:] = [PREFIX + name if name else "" for name in node.output]
        del renamed.metadata_props[:]
    for tensor in graph.initializer:
        constant = copy.initializer.add()
        constant.CopyFrom(tensor)
        constant.name, constant.doc_string = PREFIX + tensor.name, ""
    return copy


class _Builder:
    """Adds nodes one after the other."""

    def __init__(self, opset: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []
        self._opset = opset

    def pixels(self, interface: Interface, scaling: PixelScaling) -> str:
        """Pixels as the model expects them."""
        name = INPUT_TENSOR
        if scaling.channels == "bgr":
            name = self._node("Gather", [name, self._constant("order", np.array([2, 1, 0]))], "reordered", axis=3)
        scale, offset = 255 * np.array(scaling.scale, np.float64), np.array(scaling.offset, np.float64)
        if (scale != 1).any():
            name = self._node("Mul", [name, self._constant("scale", scale.astype(np.float32))], "scaled")
        if offset.any():
            name = self._node("Add", [name, self._constant("offset", offset.astype(np.float32))], "shifted")
        if not interface.is_channels_last:
            name = self._node("Transpose", [name], "channels_first", perm=[0, 3, 1, 2])
        if interface.element != TensorProto.FLOAT:
            name = self._node("Cast", [name], "cast", to=interface.element)
        return name

    def flat(self, name: str) -> str:
        """Answers as float32, with two axes."""
        name = self._node("Flatten", [name], "flat", axis=1)
        return self._node("Cast", [name], "numbers", to=TensorProto.FLOAT)

    def scan(self, inner: onnx.GraphProto, first: str, last: str, pixels: str) -> str:
        """The graph once for each picture: a scan, whose body adds the axis of the batch and removes it again."""
        body = _Builder(self._opset)
        body.nodes += body.squeezing("Unsqueeze", "one_picture", first)
        body.nodes += inner.node
        body.nodes += body.squeezing("Squeeze", body.flat(last), "one_answer")
        graph = helper.make_graph(
            body.nodes,
            "one_picture",
            [onnx.ValueInfoProto(name="one_picture")],
            [onnx.ValueInfoProto(name="one_answer")],
            [*inner.initializer, *body.constants],
        )
        return self._node("Scan", [pixels], "answers", body=graph, num_scan_inputs=1)

    def squeezing(self, kind: str, name: str, output: str) -> list[onnx.NodeProto]:
        """The node that adds or removes the first axis."""
        if self._opset < 13:
            return [helper.make_node(kind, [name], [output], name=f"{output}_axis", axes=[0])]
        axes = self._constant(f"{output}_axes", np.array([0]))
        return [helper.make_node(kind, [name, axes], [output], name=f"{output}_axis")]

    def finish(self, answers: str, ending: Ending | None) -> None:
        """Turn the answers into probabilities."""
        match ending:
            case "softmax":
                answers = self._node("Softmax", [answers], "softmax", axis=1)
            case "exponent":
                answers = self._node("Exp", [answers], "exponent")
            case "sigmoid":
                answers = self._two(self._node("Sigmoid", [answers], "sigmoid"))
            case "binary":
                answers = self._two(answers)
        self.nodes.append(helper.make_node("Identity", [answers], [OUTPUT_TENSOR], name=OUTPUT_TENSOR))

    def _two(self, second: str) -> str:
        """Two classes from the probability of the second."""
        first = self._node("Sub", [self._constant("certain", np.ones(1, np.float32)), second], "first_class")
        return self._node("Concat", [first, second], "both_classes", axis=1)

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:  # noqa: ANN401 - ONNX's own
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def _constant(self, name: str, values: np.ndarray[Any, Any]) -> str:
        self.constants.append(numpy_helper.from_array(values, name))
        return name


def original(model: onnx.ModelProto, *, free_batch: bool) -> onnx.ModelProto:
    """The model as it came, possibly with an open number of pictures at once."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.value_info[:]
    if free_batch:
        for entry in _picture_inputs(copy.graph):
            entry.type.tensor_type.shape.dim[0].ClearField("dim_value")
            entry.type.tensor_type.shape.dim[0].dim_param = "n"
    return copy


def _picture_inputs(graph: onnx.GraphProto) -> Iterator[onnx.ValueInfoProto]:
    constants = {tensor.name for tensor in graph.initializer}
    return (entry for entry in graph.input if entry.name not in constants)
