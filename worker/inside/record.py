"""The record of a network's layers: which tensor of the ONNX file holds each layer's maps, and what its filters do.

Written by the trainer, read by the API. Names of tensors are those of the version's ONNX file.
"""

import base64
import zlib
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

PUSH = "push"
"""The input that a tail adds to the network, float32, shape (n, channels, 1, 1): how much each channel of the layer's
maps changes."""
KEEP = "keep_"
"""Prefix of the inputs that the switches add, one for each tensor: what the tensor is multiplied by. float32, as many
axes as the tensor, and all sides 1 but that of the channels."""
PUSHED = "pushed_"
"""Prefix of the tensors that a tail or the switches compute again."""


class KernelTensor(BaseModel, defer_build=True):
    """Where a layer's kernel is."""

    model_config = ConfigDict(frozen=True)

    tensor: str = Field(description="Name of the initializer.")
    shape: tuple[int, int, int, int] = Field(
        description="As Keras has it: height, width, channels, filters (of a depthwise layer: filters per channel)."
    )


class LayerRecord(BaseModel, defer_build=True):
    """One layer of the network."""

    model_config = ConfigDict(frozen=True)

    name: str
    type: str
    output_shape: tuple[int, ...] = Field(description="Of one picture: height, width, channels; or values.")
    parameters: int
    tensor: str | None = Field(default=None, description="Tensor with the layer's output; null if there is none.")
    is_channels_last: bool = Field(default=False, description="The tensor's axes are (n, height, width, channels).")
    kernel: KernelTensor | None = None
    dead: tuple[int, ...] = Field(default=(), description="Channels that gave the same value everywhere.")
    twins: tuple[tuple[int, int], ...] = Field(default=(), description="Pairs of channels that do the same.")
    share_active: tuple[float, ...] = Field(default=(), description="Share of each channel's values above 0.")
    is_explainable: bool = Field(default=False, description="All paths through the network meet in this layer.")

    @property
    def n_kernels(self) -> int:
        """Kernels that can be shown."""
        if self.kernel is None:
            return 0
        _, _, channels, filters = self.kernel.shape
        return filters if self.type == "conv2d" else channels * filters

    @property
    def n_maps(self) -> int:
        """Channels of the layer's output that can be shown; a flattened output only repeats the layer before it."""
        return 0 if self.tensor is None or self.type == "flatten" else self.output_shape[-1]


class NetworkRecord(BaseModel, defer_build=True):
    """Everything that the API needs to know to look inside a version."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    logits: str = Field(description="Tensor with the values that the softmax makes probabilities of.")
    training_mean: tuple[float, ...] = Field(description="Mean of each channel over the training pictures, in [0, 1].")
    pictures: int = Field(description="Test pictures on which dead channels and twins were looked for.")
    layers: tuple[LayerRecord, ...]

    def layer(self, name: str) -> LayerRecord | None:
        """The layer of this name."""
        return next((layer for layer in self.layers if layer.name == name), None)

    @property
    def explainable(self) -> tuple[str, ...]:
        """Names of the layers at which Grad-CAM can look, from the first to the last."""
        return tuple(layer.name for layer in self.layers if layer.is_explainable)


class Tails(BaseModel, defer_build=True):
    """Bytes that are appended to the ONNX file so that maps can be changed on the way.

    A tail is a protobuf message of the same kind as the file, and messages merge when they are concatenated: it adds
    the input `push`, and nodes that share the file's weights. An exact tail gives the slope of each logit when the maps
    behind a layer change by `push`. The other tails are copies of the nodes behind the layer, with `push` added to its
    maps; older releases wrote only these. The switches are a copy of all nodes, in which each channel of each layer can
    be switched off.
    """

    model_config = ConfigDict(frozen=True)

    tails: dict[str, str] = Field(description="By layer: zlib, then base64.")
    switches: str = Field(description="Zlib, then base64.")
    switched: tuple[str, ...] = Field(description="The tensors that have an input `keep_…`.")
    exact: tuple[str, ...] = Field(default=(), description="The layers whose tails give slopes.")

    def of(self, layer: str) -> bytes | None:
        """The tail of a layer, if it has one."""
        found = self.tails.get(layer)
        return None if found is None else _unpacked(found)

    def all_switches(self) -> bytes:
        """The switches of all layers."""
        return _unpacked(self.switches)


def _unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


def packed(tail: bytes) -> str:
    """A tail as `Tails` keeps it."""
    return base64.b64encode(zlib.compress(tail, 9)).decode()
