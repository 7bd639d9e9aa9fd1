"""Writes tails, which tell how the answer changes with a layer's maps, and switches.

TensorFlow's gradients cannot be exported: tf2onnx 1.17 has none of tanh, average pooling, ReLU and max pooling, and
writes a file all the same. A tail applies the rules of differentiation to the nodes behind its layer: the slope of a
logit, when a whole channel changes, is the sum of its gradient over that channel. Where a rule is missing, the tail
runs the nodes once more with the channel pushed a little, and two logits make a slope. Of all presets, the rules
correlate by more than 0.9999 with Keras's Grad-CAM; pushing by 0.9990 to 1.0000, and worse when the push is larger
(units switch on and off) or smaller (the logits' last digits count).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx
from onnx import TensorProto, helper

from worker.artifacts import OUTPUT_TENSOR
from worker.inside.record import KEEP, PUSH, PUSHED
from worker.training.inside.slopes import Slopes, slope_of, slopes_behind
from worker.training.inside.tensors import Place


@dataclass(frozen=True)
class Tail:
    """The nodes behind a layer, once more.

    Attributes:
        data: a protobuf message to append to the ONNX file.
        is_cut: all paths from the pictures to the answer lead through the layer, so that the copy depends on nothing
            else, and one picture can be pushed in many ways at once.
        is_exact: it gives slopes; otherwise logits, of which two make a slope.
    """

    data: bytes
    is_cut: bool
    is_exact: bool


def tail_of(graph: onnx.GraphProto, place: Place, n_channels: int, logits: str) -> Tail | None:
    """The tail of a layer with maps; None if the answer does not depend on them.

    Args:
        graph: of the file.
        place: of the layer's output, which has four axes.
        n_channels: of that output.
        logits: the tensor before the softmax.
    """
    behind, is_cut = _behind(graph, place.tensor, logits)
    if not behind:
        return None
    slopes = slopes_behind(place.tensor, behind)
    nodes = _pushed(place, behind) if slopes is None else _slopes(place, slopes, logits)
    copied = onnx.GraphProto(
        node=nodes,
        initializer=[] if slopes is None else slopes.constants,
        input=[helper.make_tensor_value_info(PUSH, TensorProto.FLOAT, ["pushes", n_channels, 1, 1])],
        output=[onnx.ValueInfoProto(name=PUSHED + name) for name in (place.tensor, logits)],
    )
    return Tail(onnx.ModelProto(graph=copied).SerializeToString(), is_cut, is_exact=slopes is not None)


def _behind(graph: onnx.GraphProto, start: str, logits: str) -> tuple[list[onnx.NodeProto], bool]:
    """The nodes from a tensor to the logits, none if no path leads there; and whether they depend on nothing else."""
    known = {tensor.name for tensor in graph.initializer}
    known |= {name for node in graph.node if not node.input for name in node.output}
    reached, is_cut = {start}, True
    behind: list[onnx.NodeProto] = []
    for node in graph.node:
        if reached.isdisjoint(node.input):
            continue
        is_cut &= all(name in reached or name in known or not name for name in node.input)
        reached |= {name for name in node.output if name}
        behind.append(node)
        if logits in node.output:
            return behind, is_cut
    return [], is_cut


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


def _pushed(place: Place, behind: Sequence[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """The nodes once more, behind maps to which `push` is added."""
    yield from _in_layout(place)
    yield helper.make_node("Add", [place.tensor, _push_of(place)], [PUSHED + place.tensor], name=f"{PUSHED}sum")
    renamed = {place.tensor: PUSHED + place.tensor}
    for node in behind:
        renamed |= {name: PUSHED + name for name in node.output if name}
        yield _renamed(node, renamed)


def _slopes(place: Place, slopes: Slopes, logits: str) -> Iterator[onnx.NodeProto]:
    """`push` is the slope of the maps, at every place. Out come the maps as they are, and the logits' slopes."""
    shape = f"{PUSHED}shape"
    yield from _in_layout(place)
    yield helper.make_node("Shape", [place.tensor], [shape], name=shape)
    yield helper.make_node("Expand", [_push_of(place), shape], [slope_of(place.tensor)], name=f"{PUSHED}start")
    yield from slopes.nodes
    for name, source in ((place.tensor, place.tensor), (logits, slope_of(logits))):
        yield helper.make_node("Identity", [source], [PUSHED + name], name=PUSHED + name)


def _in_layout(place: Place) -> Iterator[onnx.NodeProto]:
    """What brings `push` into the layout of the maps."""
    if place.is_channels_last:
        name = _push_of(place)
        yield helper.make_node("Transpose", [PUSH], [name], name=name, perm=[0, 2, 3, 1])


def _push_of(place: Place) -> str:
    return f"{PUSHED}{PUSH}" if place.is_channels_last else PUSH
