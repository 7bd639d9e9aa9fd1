"""The grammar of network descriptions: layers with bounded numbers, and two ways to combine them.

Field names and defaults are those of Keras, so the Keras manual also explains a description. This module checks each
layer by itself; `analysis` checks that their shapes fit together. It does not import Keras.
"""

from collections.abc import Mapping
from reprlib import repr as short_repr
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from worker.architectures.layer_fields import Count, Flag, Share, Sides, Units

MAX_LAYERS = 200
"""Layers of one description, counting composites and the layers inside them."""
MAX_BRANCHES = 16
"""Branches of one composite."""

Activation = Literal[
    "elu",
    "hard_sigmoid",
    "leaky_relu",
    "linear",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
]
"""Keras's activations that can be exported to ONNX. GELU cannot (tf2onnx 1.17 leaves an `Erfc` that ONNX lacks), and
neither can grouped convolutions; so the grammar has neither."""
Initializer = Literal[
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
]
"""How weights are drawn before training. He's initializers suit ReLU: the signal survives in deep networks, so they
learn."""
ConvolutionInitializer = Literal[Initializer, "identity", "whitening"]
"""A convolution can also begin with filters that are not drawn. `identity`: each filter passes one channel on, as far
as there are channels; further filters are drawn as by `glorot_uniform`. `whitening`: the filters are the principal
components of the patches that the layer sees in the training pictures, each with both signs and scaled to unit
variance; they stay as they are, and only the bias is trained."""
Padding = Literal["valid", "same"]
MAX_FILTERS = 4096
Filters = Annotated[int, Field(strict=True, ge=1, le=MAX_FILTERS)]
KernelSize = Annotated[tuple[int, int], Sides(1, 32)]
Strides = Annotated[tuple[int, int], Sides(1, 32)]
EvenStrides = Annotated[int, Field(strict=True, ge=1, le=32)]
"""The same stride in both directions: TensorFlow has no depthwise convolution with two different strides."""
PoolSize = Annotated[tuple[int, int], Sides(1, 512)]
Factor = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]


class _Layer(BaseModel, defer_build=True):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Conv2D(_Layer):
    """A convolution over height and width."""

    type: Literal["conv2d"]
    filters: Filters
    kernel_size: KernelSize
    strides: Strides = (1, 1)
    padding: Padding = "valid"
    activation: Activation | None = None
    use_bias: Flag = True
    kernel_initializer: ConvolutionInitializer = "glorot_uniform"


class DepthwiseConv2D(_Layer):
    """A convolution of each channel by itself."""

    type: Literal["depthwise_conv2d"]
    kernel_size: KernelSize
    strides: EvenStrides = 1
    padding: Padding = "valid"
    depth_multiplier: int = Field(default=1, strict=True, ge=1, le=16)
    activation: Activation | None = None
    use_bias: Flag = True


class SeparableConv2D(_Layer):
    """A convolution of each channel by itself, then a 1x1 convolution that mixes the channels."""

    type: Literal["separable_conv2d"]
    filters: Filters
    kernel_size: KernelSize
    strides: EvenStrides = 1
    padding: Padding = "valid"
    activation: Activation | None = None
    use_bias: Flag = True


class MaxPooling2D(_Layer):
    """The largest value of each window. Without `strides`, windows do not overlap."""

    type: Literal["max_pooling2d"]
    pool_size: PoolSize = (2, 2)
    strides: Strides | None = None
    padding: Padding = "valid"


class AveragePooling2D(_Layer):
    """The mean of each window. Without `strides`, windows do not overlap."""

    type: Literal["average_pooling2d"]
    pool_size: PoolSize = (2, 2)
    strides: Strides | None = None
    padding: Padding = "valid"


class GlobalAveragePooling2D(_Layer):
    """The mean of each channel: from a map to a vector."""

    type: Literal["global_average_pooling2d"]


class BatchNormalization(_Layer):
    """Each channel brought to zero mean and unit variance, then scaled and shifted."""

    type: Literal["batch_normalization"]
    momentum: Share = 0.99
    epsilon: float = Field(default=1e-3, strict=True, ge=1e-7, le=1, allow_inf_nan=False)


class Dropout(_Layer):
    """A share of the values is set to zero, in training only."""

    type: Literal["dropout"]
    rate: Share


class Flatten(_Layer):
    """From a map to a vector of all its values."""

    type: Literal["flatten"]


class Dense(_Layer):
    """Every unit connected to every value of a vector; `"classes"` stands for the number of classes."""

    type: Literal["dense"]
    units: Units
    activation: Activation | None = None
    use_bias: Flag = True
    kernel_initializer: Initializer = "glorot_uniform"


class ActivationLayer(_Layer):
    """An activation on its own, such as after a residual."""

    type: Literal["activation"]
    activation: Activation


class ZeroPadding2D(_Layer):
    """Zeros around a map: `[height, width]` gives their number on each side."""

    type: Literal["zero_padding2d"]
    padding: Annotated[tuple[int, int], Sides(0, 64)] = (1, 1)


class Rescaling(_Layer):
    """Every value times `scale`, plus `offset`: pixels arrive in [0, 1], and some networks expect another range."""

    type: Literal["rescaling"]
    scale: Factor
    offset: Factor = 0.0


class Branches(_Layer):
    """Lists of layers with the same input, their outputs concatenated on channels; an empty list is the input."""

    type: Literal["branches"]
    branches: Annotated[tuple[tuple["Layer", ...], ...], Count(2, MAX_BRANCHES, "branches")]


class Residual(_Layer):
    """A list of layers whose output is added to its input, or to the output of `shortcut` for that input."""

    type: Literal["residual"]
    layers: Annotated[tuple["Layer", ...], Count(1, MAX_LAYERS, "layers")]
    shortcut: tuple["Layer", ...] | None = None


SimpleLayer = (
    Conv2D
    | DepthwiseConv2D
    | SeparableConv2D
    | MaxPooling2D
    | AveragePooling2D
    | GlobalAveragePooling2D
    | BatchNormalization
    | Dropout
    | Flatten
    | Dense
    | ActivationLayer
    | ZeroPadding2D
    | Rescaling
)

_CLASSES: dict[str, type[_Layer]] = {
    get_args(layer.model_fields["type"].annotation)[0]: layer for layer in (*get_args(SimpleLayer), Branches, Residual)
}


def _as_layer(value: object) -> object:
    """Read one layer by its type.

    Pydantic's discriminator would put the type into the path of every error: (layers, 3, conv2d, filters). Errors of
    `model_validate` get only the path of this layer in front of their own: (layers, 3, filters).
    """
    if isinstance(value, _Layer):
        return value
    if not isinstance(value, Mapping):
        raise PydanticCustomError(
            "layer", "not a layer; expected an object with a type, got {got}", {"got": short_repr(value)}
        )
    name = value.get("type")
    if not isinstance(name, str) or name not in _CLASSES:
        raise PydanticCustomError(
            "layer_type",
            "no such type of layer; expected one of {known}, got {got}",
            {"known": ", ".join(sorted(_CLASSES)), "got": short_repr(name)},
        )
    return _CLASSES[name].model_validate(value)


Layer = Annotated[Annotated[SimpleLayer | Branches | Residual, Field(discriminator="type")], BeforeValidator(_as_layer)]

Branches.model_rebuild()
Residual.model_rebuild()
