"""Writes tails: a copy of the nodes behind a layer, in which the layer's maps can be changed on the way.

TensorFlow's gradients cannot be exported: tf2onnx 1.17 has none of tanh, average pooling, ReLU and max pooling, and
writes a file all the same. A tail needs none: the slope of a logit, when a whole channel is pushed a little, is the sum
of its gradient over that channel.
"""

from collections.abc import Iterable
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
        node=[*_change(place), *nodes],
        input=[_input(name, n_channels) for name in (PUSH, KEEP)],
        output=[
            onnx.ValueInfoProto(name=renamed[name]) for name in dict.fromkeys((place.tensor, logits, OUTPUT_TENSOR))
        ],
    )
    return Tail(onnx.ModelProto(graph=copied).SerializeToString(), is_cut)


def _renamed(node: onnx.NodeProto, renamed: dict[str, str]) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name = PUSHED + node.name
    copy.doc_string = ""
    copy.input[:] = [renamed.get(name, name) for name in node.input]
    copy.output[:] = [renamed.get(name, name) for name in node.output]
    return copy


def _change(place: Place) -> Iterable[onnx.NodeProto]:
    """The nodes that multiply the maps by `keep` and add `push`."""
    inputs = {PUSH: PUSH, KEEP: KEEP}
    if place.is_channels_last:
        inputs = {name: f"{PUSHED}{name}_last" for name in inputs}
        for name, turned in inputs.items():
            yield helper.make_node("Transpose", [name], [turned], name=turned, perm=[0, 2, 3, 1])
    kept = f"{PUSHED}kept"
    yield helper.make_node("Mul", [place.tensor, inputs[KEEP]], [kept], name=kept)
    yield helper.make_node("Add", [kept, inputs[PUSH]], [PUSHED + place.tensor], name=f"{PUSHED}changed")


def _input(name: str, n_channels: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["pushes", n_channels, 1, 1])
