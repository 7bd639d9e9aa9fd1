"""A whole network as data: the size its pictures are brought to, and its layers.

This module also limits the size of a description: it looks at the outline before it reads any layer, so that a hostile
description costs nothing. It does not know what the layers do.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from worker.architectures.grammar import MAX_BRANCHES, MAX_LAYERS, Branches, Layer, Residual
from worker.architectures.layer_fields import Count

MAX_NESTING = 4
"""How many composites may be nested inside one another."""
MAX_INPUT_SIDE = 512

InputSide = Annotated[int, Field(strict=True, ge=1, le=MAX_INPUT_SIDE)]


def _refuse_oversized(layers: object) -> object:
    waiting = [(layers, 0)]
    n_layers = 0
    while waiting:
        entries, depth = waiting.pop()
        if not isinstance(entries, list | tuple):
            continue
        n_layers += len(entries)
        if n_layers > MAX_LAYERS:
            raise PydanticCustomError(
                "too_many_layers",
                "too many layers; expected at most {most} in all, got more",
                {"most": MAX_LAYERS},
            )
        if depth > MAX_NESTING:
            raise PydanticCustomError(
                "nested_too_deep",
                "composites nested too deep; expected at most {most} inside one another, got more",
                {"most": MAX_NESTING},
            )
        waiting += [(inner, depth + 1) for entry in entries for inner in _lists_inside(entry)]
    return layers


def _lists_inside(entry: object) -> Iterator[object]:
    match entry:
        case Branches():
            yield from entry.branches
        case Residual():
            yield from (entry.layers, entry.shortcut)
        case Mapping():
            branches = entry.get("branches")
            # One more than is allowed, so that the composite itself reports that it has too many branches.
            yield from branches[: MAX_BRANCHES + 1] if isinstance(branches, list | tuple) else ()
            yield from (entry.get("layers"), entry.get("shortcut"))


class Architecture(BaseModel):
    """A network's description: data that can be stored, sent, checked and built."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_size: tuple[InputSide, InputSide] | None = Field(
        default=None,
        description="Height and width that pictures are resized to inside the network. Default: no resizing.",
    )
    layers: Annotated[tuple[Layer, ...], Count(1, MAX_LAYERS, "layers"), BeforeValidator(_refuse_oversized)] = Field(
        description="The layers in order; the last one must be "
        '{"type": "dense", "units": "classes", "activation": "softmax"}.'
    )
