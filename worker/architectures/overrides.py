"""Changes to a network that a request asks for: activation, depth, width, input size, dropout.

The result is a description in the same grammar, so everything that applies to a network of one's own applies to it.
`layer_changes` changes the layers; `analysis` finds the new shapes.
"""

from collections.abc import Callable
from reprlib import repr as short_repr
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from worker.architectures.analysis import Analysis, analyse
from worker.architectures.description import MAX_INPUT_SIDE, Architecture, InputSide
from worker.architectures.errors import ArchitectureError, OverrideError
from worker.architectures.grammar import Activation, Layer, SimpleLayer
from worker.architectures.layer_changes import (
    deepened,
    has_width,
    is_activated,
    is_convolution,
    is_dropout,
    simple_layers,
    widened,
    with_activation,
    with_dropout,
)
from worker.architectures.layer_fields import Share, Sides, by

MAX_DEPTH = 16
MAX_WIDTH = 64


def _as_size(value: object) -> object:
    if value is None or value == "native":
        return value
    try:
        return Sides(1, MAX_INPUT_SIDE).read(value)
    except PydanticCustomError:
        raise PydanticCustomError(
            "input_size",
            'not a valid size; expected "native", a whole number from 1 to {most}, or [height, width], got {got}',
            {"most": MAX_INPUT_SIDE, "got": short_repr(value)},
        ) from None


class Overrides(BaseModel, defer_build=True):
    """What to change in a network before it is trained. Fields that are left out change nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    activation: Activation | None = Field(
        default=None,
        description="Replaces every hidden activation. The softmax of the output stays, layers without an "
        "activation stay without one, and weights are drawn as before.",
    )
    depth: int | None = Field(
        default=None,
        strict=True,
        ge=1,
        le=MAX_DEPTH,
        description="How often each convolution is repeated: 2 adds one copy after each, 1 changes nothing. A copy has "
        "the same filters and activation and is followed by the same batch normalization; it has stride 1, padding "
        "`same` and a kernel of at most 3x3. Shortcuts, depthwise convolutions and normalized 1x1 convolutions without "
        "an activation are not repeated.",
    )
    width: float | None = Field(
        default=None,
        strict=True,
        gt=0,
        le=MAX_WIDTH,
        allow_inf_nan=False,
        description="Factor for the filters of every convolution and the units of every hidden dense layer; the "
        "result is rounded and at least 1.",
    )
    input_size: Annotated[
        Literal["native"] | InputSide | tuple[InputSide, InputSide] | None, BeforeValidator(_as_size)
    ] = Field(
        default=None,
        description="Size that pictures are resized to inside the network: a side, [height, width], or `native` for "
        "the dataset's own size, without resizing.",
        examples=["native", 64, [96, 128]],
    )
    dropout: Share | None = Field(default=None, description="Rate of every dropout layer; 0 switches dropout off.")

    @property
    def slug(self) -> str:
        """The changes as the end of a model's name, such as `-relu-width0_5`."""
        asked = {
            "": self.activation,
            "depth": self.depth,
            "width": None if self.width is None else f"{self.width:g}",
            "size": by(self.input_size) if isinstance(self.input_size, tuple) else None,
            "native": "" if self.input_size == "native" else None,
            "dropout": None if self.dropout is None else f"{self.dropout:g}",
        }
        parts = [f"-{what}{value}" for what, value in asked.items() if value is not None]
        return "".join(parts).replace(".", "_")


def override(architecture: Architecture, overrides: Overrides) -> Architecture:
    """The network with the changes applied.

    Raises:
        OverrideError: a change applies to none of the layers, or exceeds the limits of the grammar.
    """
    *hidden, last = architecture.layers
    _check_subjects(hidden, overrides)
    if overrides.activation is not None:
        hidden = with_activation(hidden, overrides.activation)
    if overrides.dropout is not None:
        hidden = with_dropout(hidden, overrides.dropout)
    if overrides.width is not None:
        hidden = widened(hidden, overrides.width)
    if overrides.depth is not None:
        hidden = deepened(hidden, overrides.depth)
    try:
        return Architecture(input_size=_input_size(architecture, overrides), layers=(*hidden, last))
    except ValidationError as error:
        # Only depth adds layers, and the limits of single layers have been checked.
        message = f"the network becomes too deep: {error.errors()[0]['msg']}, with depth {overrides.depth}"
        raise OverrideError(("overrides", "depth"), message) from None


def analyse_overridden(
    architecture: Architecture, overrides: Overrides | None, image_shape: tuple[int, int, int], n_classes: int
) -> Analysis:
    """Analyse a network after its changes.

    Raises:
        ArchitectureError: the network does not work, with or without the changes.
        OverrideError: the network works without the changes, but not with them.
    """
    if overrides is None:
        return analyse(architecture, image_shape, n_classes)
    changed = override(architecture, overrides)
    try:
        return analyse(changed, image_shape, n_classes)
    except ArchitectureError as error:
        analyse(architecture, image_shape, n_classes)
        raise OverrideError(("overrides",), f"the changed network does not work: {error}") from error


_SUBJECTS: tuple[tuple[str, str, Callable[[SimpleLayer], bool]], ...] = (
    ("activation", "a hidden layer with an activation", is_activated),
    ("depth", "a conv2d or separable_conv2d layer", is_convolution),
    ("width", "a convolution with filters or a hidden dense layer", has_width),
    ("dropout", "a dropout layer", is_dropout),
)
"""For each change: the layer that a network needs for it, in words and as a test."""


def _check_subjects(hidden: list[Layer], overrides: Overrides) -> None:
    layers = list(simple_layers(hidden))
    for field, needed, is_subject in _SUBJECTS:
        if getattr(overrides, field) is not None and not any(map(is_subject, layers)):
            got = f"none before the output, and {field} {getattr(overrides, field)}"
            message = f"{field} has nothing to change in this network; expected {needed}, got {got}"
            raise OverrideError(("overrides", field), message)


def _input_size(architecture: Architecture, overrides: Overrides) -> tuple[int, int] | None:
    match overrides.input_size:
        case (height, width):
            return (height, width)
        case "native":
            return None
    return architecture.input_size
