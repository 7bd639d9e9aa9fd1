"""Writes tails, copies of the nodes behind a layer in which the layer's maps can be changed, and switches.

TensorFlow's gradients cannot be exported: tf2onnx 1.17 has none of tanh, average pooling, ReLU and max pooling, and
writes a file all the same. A tail needs none: the slope of a logit, when a whole channel is pushed a little, is the sum
of its gradient over that channel.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import onnx
from onnx import TensorProto, helper

from worker.artifacts import OUTPUT_TENSOR
from worker.inside.record import KEEP, PUSH, PUSHED
from worker.training.inside.tensors import Place


@dataclass(frozen=True)
class Tail:
    """The nodes behind a layer, once more.

    Attributes:
        data: a protobuf message to append to the ONNX file.
        is_cut: all paths from the pictures to the answer lead through the layer, so that the copy depends on nothing
            else, and one picture can be pushed in many ways at once.
    """

    data: bytes
    is_cut: bool


def tail_of(graph: onnx.GraphProto, place: Place, n_channels: int, logits: str) -> Tail | None:
    """The tail of a layer with maps; None if the answer does not depend on them.

    Args:
        graph: of the file.
        place: of the layer's output, which has four axes.
        n_channels: of that output.
        logits: the tensor before the softmax.
    """
    known = {tensor.name for tensor in graph.initializer}
    known |= {name for node in graph.node if not node.input for name in node.output}
    renamed = {place.tensor: PUSHED + place.tensor}
    nodes: list[onnx.NodeProto] = []
    is_cut = True
    for node in graph.node:
        if not any(name in renamed for name in node.input):
            continue
        is_cut &= all(name in renamed or name in known or not name for name in node.input)
        renamed |= {name: PUSHED + name for name in node.output if name}
        nodes.append(_renamed(node, renamed))
    if logits not in renamed:
        return None
    copied = onnx.GraphProto(
        node=[*_pushed(place), *nodes],
        input=[helper.make_tensor_value_info(PUSH, TensorProto.FLOAT, ["pushes", n_channels, 1, 1])],
        output=[
            onnx.ValueInfoProto(name=renamed[name]) for name in dict.fromkeys((place.tensor, logits, OUTPUT_TENSOR))
        ],
    )
    return Tail(onnx.ModelProto(graph=copied).SerializeToString(), is_cut)


@dataclass(frozen=True)
class Switches:
    """All nodes once more, with an input for each layer.

    Attributes:
        data: a protobuf message to append to the ONNX file.
        tensors: those that are multiplied by an input.
    """

    data: bytes
    tensors: tuple[str, ...]


def switches_of(graph: onnx.GraphProto, shapes: Mapping[str, Sequence[int | str]]) -> Switches:
    """A copy of the network in which each channel of each layer can be switched off.

    Args:
        graph: of the file.
        shapes: by tensor: the shape of the input that it is multiplied by.
    """
    renamed: dict[str, str] = {}
    nodes: list[onnx.NodeProto] = []
    switched: list[str] = []
    for node in graph.node:
        renamed |= {name: PUSHED + name for name in node.output if name}
        copy = _renamed(node, renamed)
        nodes.append(copy)
        for at, name in enumerate(node.output):
            if name in shapes:
                whole = f"{PUSHED}whole_{name}"
                copy.output[at] = whole
                nodes.append(helper.make_node("Mul", [whole, KEEP + name], [PUSHED + name], name=f"{KEEP}{name}"))
                switched.append(name)
    copied = onnx.GraphProto(
        node=nodes,
        input=[helper.make_tensor_value_info(KEEP + name, TensorProto.FLOAT, shapes[name]) for name in switched],
        output=[onnx.ValueInfoProto(name=PUSHED + OUTPUT_TENSOR)],
    )
    return Switches(onnx.ModelProto(graph=copied).SerializeToString(), tuple(switched))


def _renamed(node: onnx.NodeProto, renamed: Mapping[str, str]) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name = PUSHED + node.name
    copy.doc_string = ""
    copy.input[:] = [renamed.get(name, name) for name in node.input]
    copy.output[:] = [renamed.get(name, name) for name in node.output]
    return copy


def _pushed(place: Place) -> Iterable[onnx.NodeProto]:
    """The nodes that add `push` to the maps."""
    push = PUSH
    if place.is_channels_last:
        push = f"{PUSHED}push"
        yield helper.make_node("Transpose", [PUSH], [push], name=push, perm=[0, 2, 3, 1])
    yield helper.make_node("Add", [place.tensor, push], [PUSHED + place.tensor], name=f"{PUSHED}sum")
