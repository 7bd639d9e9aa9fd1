"""A description under construction: layers of the grammar together with their weights."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from worker.architectures.errors import ArchitectureError, Loc
from worker.architectures.grammar import Branches, Layer, Residual, SimpleLayer
from worker.architectures.layer_path import LayerPath
from worker.architectures.shapes import Shape, measure
from worker.imports.errors import ImportRefused
from worker.imports.layer_graph import Node
from worker.imports.weights import Stored

_LAYER: TypeAdapter[Layer] = TypeAdapter(Layer)
_ANY_CLASSES = 2
"""Layers state their units themselves until the description is finished."""


@dataclass(frozen=True)
class Step:
    """One layer of the grammar, and its arrays in the order in which Keras has them."""

    layer: SimpleLayer
    arrays: tuple[Stored, ...] = ()


@dataclass(frozen=True)
class Joined:
    """Several lists of steps with the same input, whose outputs are added or concatenated."""

    kind: Literal["branches", "residual"]
    parts: "tuple[tuple[Step | Joined, ...], ...]"


Steps = tuple[Step | Joined, ...]


def step(node: Node, layer_type: str, arrays: tuple[Stored, ...] = (), **fields: Any) -> Step:  # noqa: ANN401 - JSON
    """A layer of the grammar. Raises `ImportRefused` when the grammar does not have it in this form."""
    try:
        layer = _LAYER.validate_python({"type": layer_type} | fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or layer_type
        raise refused(node, f"its {field} cannot be used: {first['msg']}") from error
    if isinstance(layer, Branches | Residual):
        raise TypeError("composites are not single layers")
    return Step(layer, arrays)


def shape_after(node: Node, found: Step, shape: Shape) -> Shape:
    """The shape of a layer's output. Raises `ImportRefused` when it cannot take this input."""
    try:
        return measure(found.layer, shape, _ANY_CLASSES, LayerPath((), found.layer.type)).output_shape
    except ArchitectureError as error:
        raise refused(node, str(error)) from error


def refused(node: Node, reason: str, hint: str | None = None) -> ImportRefused:
    """The refusal for one layer of the file."""
    text = str(node)
    return ImportRefused(f"{text[:1].upper()}{text[1:]}: {reason.rstrip('.')}.", hint)


def described(steps: Sequence[Step | Joined]) -> list[Any]:
    """The layers of a description, as data."""
    return [_described(found) for found in steps]


def _described(found: Step | Joined) -> Any:  # noqa: ANN401 - JSON
    if isinstance(found, Step):
        return found.layer.model_dump(mode="json", exclude_defaults=False)
    parts = [described(part) for part in found.parts]
    if found.kind == "branches":
        return {"type": "branches", "branches": parts}
    layers, shortcut = parts
    return {"type": "residual", "layers": layers} | ({"shortcut": shortcut} if shortcut else {})


def with_weights(steps: Sequence[Step | Joined], loc: Loc = ("layers",)) -> Iterator[tuple[str, tuple[Stored, ...]]]:
    """The arrays of every layer that has any, by the layer's index in the description."""
    for position, found in enumerate(steps):
        if isinstance(found, Step):
            if found.arrays:
                yield LayerPath((*loc, position), found.layer.type).index, found.arrays
            continue
        for number, part in enumerate(found.parts):
            inner = ("branches", number) if found.kind == "branches" else (("layers", "shortcut")[number],)
            yield from with_weights(part, (*loc, position, *inner))
