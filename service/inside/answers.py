"""How what is inside a network looks in answers: the JSON shapes of the routes that look inside."""

from typing import Literal

from pydantic import BaseModel, Field

from service.inside.changes import Amount
from worker.inside.record import NetworkRecord

Nested = list[float] | list[list[float]] | list[list[list[float]]] | list[list[list[list[float]]]]


class LayerLine(BaseModel, defer_build=True):
    """One layer of a version."""

    name: str = Field(examples=["conv2d_1"])
    type: str = Field(examples=["conv2d"])
    output_shape: tuple[int, ...] = Field(description="Of one picture: height, width, channels; or values.")
    parameters: int
    kernels: int = Field(description="Kernels that can be shown; 0 if the layer has none.")
    maps: int = Field(description="Channels whose maps can be shown; 0 if there are none.")
    dead: tuple[int, ...] = Field(
        description="Channels that gave the same value everywhere on all watched pictures: they tell nothing."
    )
    twins: tuple[tuple[int, int], ...] = Field(
        description="Pairs of channels whose values correlate by more than 0.99: one of them is superfluous."
    )
    share_active: tuple[float, ...] = Field(
        description="Of each channel, the share of its values above 0; empty for layers that only pass on what the "
        "layer before them does."
    )
    explainable: bool = Field(description="Grad-CAM can look at this layer.")


class LayerList(BaseModel, defer_build=True):
    """The layers of a version, from the picture to the answer."""

    model: str
    version: int
    pictures: int = Field(description="Test pictures on which dead channels and twins were looked for.")
    layers: list[LayerLine]


class Kernels(BaseModel, defer_build=True):
    """The kernels of a layer, as Keras has them."""

    layer: str = Field(examples=["conv2d"])
    shape: tuple[int, ...] = Field(
        description="Height, width, input channels, filters; with `filter`, the last one is 1. Of depthwise layers the "
        "last one is the filters of each channel.",
        examples=[[5, 5, 1, 6]],
    )
    values: Nested = Field(description="In this shape.")
    mean: float
    deviation: float


class MapSummary(BaseModel, defer_build=True):
    """One channel's map in a few numbers."""

    channel: int
    min: float
    max: float
    mean: float
    deviation: float


class LayerMapsAnswer(BaseModel, defer_build=True):
    """What one layer makes of the picture."""

    name: str = Field(examples=["conv2d"])
    shape: tuple[int, ...] = Field(description="Height, width, channels; or values.", examples=[[28, 28, 6]])
    maps: list[MapSummary]
    values: Nested | None = Field(
        default=None, description="In `shape`; only with `layer` and `values=true`. With `channel`, one channel's."
    )


class MapsAnswer(BaseModel, defer_build=True):
    """What every layer makes of a picture."""

    model: str
    version: int
    seen: str = Field(description="What the network got, as a PNG file in a `data:` URL.")
    label: str = Field(description="The answer for the picture.")
    probability: float
    layers: list[LayerMapsAnswer]


class Explanation(BaseModel, defer_build=True):
    """Where in a picture the evidence for a class is."""

    model: str
    version: int
    label: str = Field(description="The class that is explained; by default the answer for the picture.")
    probability: float = Field(description="Of that class, for the whole picture.")
    method: Literal["occlusion", "gradcam"]
    layer: str | None = Field(description="Where Grad-CAM looked; null for occlusion.")
    grid: list[list[float]] = Field(
        description="Row by row. Occlusion: how much the probability drops when the patch covers the place whose upper "
        "left pixel is row and column times `stride`; negative where it rises. Grad-CAM: one value for each place of "
        "the layer's maps, never negative."
    )
    empty: bool = Field(description="There is no evidence for this class: all is zero, or close to it.")
    patch: int | None = Field(default=None, description="Occlusion: side of the square patch, in pixels.")
    stride: int | None = Field(default=None, description="Occlusion: from one place to the next, in pixels.")
    fill: list[float] | None = Field(
        default=None, description="Occlusion: what the patch is filled with, a value in [0, 1] for each channel."
    )


class Original(BaseModel, defer_build=True):
    """The answer for the picture as it came."""

    label: str
    probability: float


class ChangeLine(BaseModel, defer_build=True):
    """The answer after one change."""

    change: str = Field(examples=["shift"])
    amount: Amount = Field(description="As it was asked for.")
    label: str
    probability: float
    original_probability: float = Field(description="Of the label that the picture had before the change.")


class WhatIf(BaseModel, defer_build=True):
    """How the answer changes with the picture, or without a filter."""

    model: str
    version: int
    original: Original
    series: list[ChangeLine]


def layer_list(model: str, version: int, record: NetworkRecord) -> LayerList:
    """The layers of a version as the API shows them."""
    return LayerList(
        model=model,
        version=version,
        pictures=record.pictures,
        layers=[
            LayerLine(
                name=layer.name,
                type=layer.type,
                output_shape=layer.output_shape,
                parameters=layer.parameters,
                kernels=layer.n_kernels,
                maps=layer.n_maps,
                dead=layer.dead,
                twins=layer.twins,
                share_active=layer.share_active,
                explainable=layer.is_explainable,
            )
            for layer in record.layers
        ],
    )
