"""A layer in a few words, for people: what it is, and what it does."""

from typing import Literal, NamedTuple

from worker.architectures.grammar import (
    ActivationLayer,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    Rescaling,
    SeparableConv2D,
    SimpleLayer,
    ZeroPadding2D,
)

Kind = Literal["conv", "pool", "dense", "other"]


class Words(NamedTuple):
    """What a box of a diagram says: a title, one line more, and the kind of layer, which has a colour."""

    title: str
    detail: str
    kind: Kind


def words_of(layer: SimpleLayer) -> Words:
    """The words for one layer."""
    match layer:
        case Conv2D() | SeparableConv2D() | DepthwiseConv2D():
            return Words(_activated(layer.type, layer.activation), _convolution(layer), "conv")
        case MaxPooling2D() | AveragePooling2D():
            strides = layer.strides or layer.pool_size
            return Words(layer.type, f"windows of {_by(layer.pool_size)}{_stride(strides)}", "pool")
        case GlobalAveragePooling2D():
            return Words(layer.type, "mean of each channel", "pool")
        case Dense():
            units = "one unit per class" if layer.units == "classes" else f"{layer.units:,} units"
            return Words(_activated(layer.type, layer.activation), units, "dense")
        case _:
            return Words(layer.type, _of_others(layer), "other")


OtherLayer = BatchNormalization | Dropout | Flatten | ActivationLayer | ZeroPadding2D | Rescaling


def _of_others(layer: OtherLayer) -> str:
    match layer:
        case BatchNormalization():
            return "zero mean, unit variance"
        case Dropout():
            return f"{layer.rate:.0%} of the values, in training"
        case Flatten():
            return "from a map to a vector"
        case ActivationLayer():
            return layer.activation
        case ZeroPadding2D():
            return f"{_by(layer.padding)} zeros on each side"
        case Rescaling():
            return f"times {layer.scale:g}, plus {layer.offset:g}"


def _convolution(layer: Conv2D | SeparableConv2D | DepthwiseConv2D) -> str:
    strides = layer.strides if isinstance(layer.strides, tuple) else (layer.strides, layer.strides)
    window = f"{_by(layer.kernel_size)}{_stride(strides)}, {layer.padding}"
    if isinstance(layer, DepthwiseConv2D):
        return f"{layer.depth_multiplier} per channel, {window}"
    return f"{layer.filters:,} filters of {window}"


def _activated(name: str, activation: str | None) -> str:
    return f"{name}, {activation}" if activation and activation != "linear" else name


def _stride(strides: tuple[int, int]) -> str:
    return "" if strides == (1, 1) else f", stride {strides[0] if strides[0] == strides[1] else _by(strides)}"


def _by(sides: tuple[int, int]) -> str:
    return "x".join(map(str, sides))
