"""Turns one list of layers into another: other activations, wider layers, more convolutions.

The layers inside a composite are changed too. `overrides` defines the fields of a request and checks the limits of a
whole network.
"""

from collections.abc import Callable, Iterator, Sequence
from math import floor

from worker.architectures.errors import Loc, OverrideError
from worker.architectures.grammar import (
    MAX_FILTERS,
    Activation,
    ActivationLayer,
    AveragePooling2D,
    BatchNormalization,
    Branches,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Layer,
    MaxPooling2D,
    Residual,
    SeparableConv2D,
    SimpleLayer,
)
from worker.architectures.layer_fields import MAX_UNITS
from worker.architectures.layer_path import LayerPath

Pooling = MaxPooling2D | AveragePooling2D
COPY_KERNEL = 3
"""Largest side of an added convolution's kernel: VGG's authors made networks deeper by stacks of 3x3 kernels."""


def with_activation(layers: Sequence[Layer], activation: Activation) -> list[Layer]:
    """Replace every activation; a layer with none, or with `linear`, stays as it is."""
    return _changed(
        layers,
        lambda layer: layer.model_copy(update={"activation": activation}) if is_activated(layer) else layer,
    )


def with_dropout(layers: Sequence[Layer], rate: float) -> list[Layer]:
    """Give every dropout layer this rate."""
    return _changed(
        layers, lambda layer: layer.model_copy(update={"rate": rate}) if isinstance(layer, Dropout) else layer
    )


def widened(layers: Sequence[Layer], factor: float) -> list[Layer]:
    """Multiply filters of convolutions and units of dense layers by `factor`, rounded half up, at least 1.

    Raises:
        OverrideError: a layer becomes wider than the grammar allows.
    """
    return _changed(layers, lambda layer: _wider(layer, factor))


def deepened(layers: Sequence[Layer], depth: int) -> list[Layer]:
    """Add `depth - 1` copies after each convolution, each with the normalization and activation that follow it.

    Pooling between a convolution and its activation stays there and is not copied. A linear projection is not repeated:
    two 1x1 convolutions in a row without an activation can do no more than one.
    """
    deeper: list[Layer] = []
    position = 0
    while position < len(layers):
        layer, end = layers[position], position + 1
        match layer:
            case Conv2D() | SeparableConv2D():
                end = _end_of_group(layers, position, layer.activation is None)
                behind = layers[position + 1 : end]
                copied = [inner for inner in behind if not isinstance(inner, Pooling)]
                n_copies = 0 if _is_projection(layer, behind) else depth - 1
                deeper += [layer, *behind, *[_copy(layer), *copied] * n_copies]
            case Branches():
                branches = tuple(tuple(deepened(branch, depth)) for branch in layer.branches)
                deeper.append(layer.model_copy(update={"branches": branches}))
            case Residual():
                deeper.append(layer.model_copy(update={"layers": tuple(deepened(layer.layers, depth))}))
            case _:
                deeper.append(layer)
        position = end
    return deeper


def simple_layers(layers: Sequence[Layer]) -> Iterator[SimpleLayer]:
    """All layers except the composites themselves, including the layers inside composites."""
    return (layer for _, layer in indexed_layers(layers))


def indexed_layers(layers: Sequence[Layer], loc: Loc = ("layers",)) -> Iterator[tuple[str, SimpleLayer]]:
    """The same with their indexes in the layer table; `loc` is the path of the list in the description."""
    for position, layer in enumerate(layers):
        path = LayerPath((*loc, position), layer.type)
        match layer:
            case Branches():
                for number, branch in enumerate(layer.branches):
                    yield from indexed_layers(branch, (*path.loc, "branches", number))
            case Residual():
                yield from indexed_layers(layer.layers, (*path.loc, "layers"))
                yield from indexed_layers(layer.shortcut or (), (*path.loc, "shortcut"))
            case _:
                yield path.index, layer


def has_fixed_kernels(layers: Sequence[Layer]) -> bool:
    """Whether a convolution keeps its filters in training."""
    return any(isinstance(layer, Conv2D) and layer.kernel_initializer == "whitening" for layer in simple_layers(layers))


def is_activated(layer: SimpleLayer) -> bool:
    """Whether it has an activation. A description says `linear` if it has none on purpose."""
    match layer:
        case Conv2D() | DepthwiseConv2D() | SeparableConv2D() | Dense() | ActivationLayer():
            return layer.activation not in {None, "linear"}
    return False


def is_convolution(layer: SimpleLayer) -> bool:
    """Whether it can be repeated. A depthwise convolution does not mix channels and is only half of a convolution."""
    return isinstance(layer, Conv2D | SeparableConv2D)


def is_dropout(layer: SimpleLayer) -> bool:
    """Whether it has a rate."""
    return isinstance(layer, Dropout)


def has_width(layer: SimpleLayer) -> bool:
    """Whether the description sets its number of channels or values, rather than its input or the classes."""
    return isinstance(layer, Conv2D | SeparableConv2D) or (isinstance(layer, Dense) and layer.units != "classes")


def _changed(layers: Sequence[Layer], change: Callable[[SimpleLayer], SimpleLayer]) -> list[Layer]:
    changed: list[Layer] = []
    for layer in layers:
        match layer:
            case Branches():
                branches = tuple(tuple(_changed(branch, change)) for branch in layer.branches)
                changed.append(layer.model_copy(update={"branches": branches}))
            case Residual():
                inside = tuple(_changed(layer.layers, change))
                shortcut = None if layer.shortcut is None else tuple(_changed(layer.shortcut, change))
                changed.append(layer.model_copy(update={"layers": inside, "shortcut": shortcut}))
            case _:
                changed.append(change(layer))
    return changed


def _wider(layer: SimpleLayer, factor: float) -> SimpleLayer:
    match layer:
        case Conv2D() | SeparableConv2D():
            return layer.model_copy(update={"filters": _scaled(layer.type, layer.filters, factor, MAX_FILTERS)})
        case Dense() if layer.units != "classes":
            return layer.model_copy(update={"units": _scaled(layer.type, layer.units, factor, MAX_UNITS)})
    return layer


def _scaled(layer_type: str, n: int, factor: float, most: int) -> int:
    scaled = max(1, floor(n * factor + 0.5))
    if scaled > most:
        raise OverrideError(
            ("overrides", "width"),
            f"a {layer_type} layer would become too wide; expected at most {most}, got {n} x {factor:g} = {scaled}",
        )
    return scaled


def _end_of_group(layers: Sequence[Layer], position: int, is_linear: bool) -> int:
    """Index after the normalization and activation that belong to the convolution at `position`."""
    end = position + 1
    for ahead in range(position + 1, len(layers)):
        match layers[ahead]:
            case BatchNormalization() | ActivationLayer():
                end = ahead + 1
            case MaxPooling2D() | AveragePooling2D() if is_linear:
                continue
            case _:
                break
    return end


def _is_projection(layer: Conv2D | SeparableConv2D, behind: Sequence[Layer]) -> bool:
    """Whether a 1x1 convolution is normalized but has no activation, like the end of an inverted bottleneck."""
    is_linear = (
        layer.activation is None and bool(behind) and all(isinstance(after, BatchNormalization) for after in behind)
    )
    return is_linear and isinstance(layer, Conv2D) and layer.kernel_size == (1, 1)


def _copy(layer: Conv2D | SeparableConv2D) -> Layer:
    height, width = layer.kernel_size
    changes: dict[str, object] = {
        "kernel_size": (min(height, COPY_KERNEL), min(width, COPY_KERNEL)),
        "strides": (1, 1) if isinstance(layer, Conv2D) else 1,
        "padding": "same",
    }
    if isinstance(layer, Conv2D) and layer.kernel_initializer == "whitening":
        changes["kernel_initializer"] = "glorot_uniform"  # what it sees is white already; a copy is there to be trained
    return layer.model_copy(update=changes)
