"""Changes to a network by request: another activation, more depth or width, another input size, another dropout.

From a description and the changes comes another description, in the same grammar, so whatever holds for a network of
one's own holds for the outcome. How layers are changed is `changes`'s knowledge, what shapes come out `analysis`'s.
"""

from collections.abc import Callable
from reprlib import repr as short_repr
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from worker.architectures.analysis import Analysis, analyse
from worker.architectures.changes import (
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
from worker.architectures.description import MAX_INPUT_SIDE, Architecture, InputSide
from worker.architectures.errors import ArchitectureError, OverrideError
from worker.architectures.fields import Share, Sides, by
from worker.architectures.grammar import Activation, Layer, SimpleLayer

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
            'not a valid size; expected "native", a whole number from 1 to {most}, or [height, width], came {came}',
            {"most": MAX_INPUT_SIDE, "came": short_repr(value)},
        ) from None


class Overrides(BaseModel):
    """What to change in a network before it is trained; what is left out stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    activation: Activation | None = Field(
        default=None,
        description="Takes the place of every hidden activation. The output's softmax stays, layers without an "
        "activation stay without, and weights are drawn as before.",
    )
    depth: int | None = Field(
        default=None,
        strict=True,
        ge=1,
        le=MAX_DEPTH,
        description="How often each convolution stands: 2 puts one more behind each, 1 changes nothing. A copy has the "
        "same filters and activation, and the batch normalization that follows the original; stride 1, padding `same`, "
        "a kernel of at most 3x3. Shortcuts and depthwise convolutions stay single.",
    )
    width: float | None = Field(
        default=None,
        strict=True,
        gt=0,
        le=MAX_WIDTH,
        allow_inf_nan=False,
        description="Factor for the filters of every convolution and the units of every hidden dense layer; the "
        "outcome is rounded, at least 1.",
    )
    input_size: Annotated[
        Literal["native"] | InputSide | tuple[InputSide, InputSide] | None, BeforeValidator(_as_size)
    ] = Field(
        default=None,
        description="Size that pictures are resized to inside the network: a side, [height, width], or `native` for "
        "the dataset's own size, without resizing.",
        examples=["native", 64, [96, 128]],
    )
    dropout: Share | None = Field(default=None, description="Rate of every dropout layer; 0 switches them off.")

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
    """The network with the changes made.

    Raises:
        OverrideError: there is nothing that one of them could change, or it goes beyond the grammar's bounds.
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
        # Depth alone adds layers, and bounds of single layers have been kept.
        message = f"the network becomes too deep: {error.errors()[0]['msg']}, with depth {overrides.depth}"
        raise OverrideError(("overrides", "depth"), message) from None


def analyse_overridden(
    architecture: Architecture, overrides: Overrides | None, image_shape: tuple[int, int, int], n_classes: int
) -> Analysis:
    """What `analyse` says of a network after its changes.

    Raises:
        ArchitectureError: the network cannot work, changed or not.
        OverrideError: it would work without the changes.
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
"""What a network needs for each change, in words and as a question to a layer."""


def _check_subjects(hidden: list[Layer], overrides: Overrides) -> None:
    layers = list(simple_layers(hidden))
    for field, needed, is_subject in _SUBJECTS:
        if getattr(overrides, field) is not None and not any(map(is_subject, layers)):
            came = f"none before the output, and {field} {getattr(overrides, field)}"
            message = f"{field} has nothing to change in this network; expected {needed}, came {came}"
            raise OverrideError(("overrides", field), message)


def _input_size(architecture: Architecture, overrides: Overrides) -> tuple[int, int] | None:
    match overrides.input_size:
        case (height, width):
            return (height, width)
        case "native":
            return None
    return architecture.input_size
