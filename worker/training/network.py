"""Builds a Keras model from a description, one Keras layer per row of the layer table.

It uses only layers of Keras 3, so that the saved file opens everywhere without this code, and any backend works. Data,
compiling and training are handled elsewhere.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import keras

from worker.architectures import Architecture, analyse
from worker.architectures.errors import Loc
from worker.architectures.grammar import Branches, Conv2D, Layer, Residual, SimpleLayer
from worker.architectures.layer_path import RESIZING_INDEX, LayerPath
from worker.artifacts import INPUT_TENSOR

MAX_AT_ONCE = 512
AT_ONCE_BYTES = 1 << 30

SET_AFTERWARDS = frozenset({"identity", "whitening"})
"""Initializers that Keras does not have: `worker.training.kernels` sets the values once the network is built."""

_KERAS_LAYERS: Mapping[str, Callable[..., keras.Layer]] = {
    "activation": keras.layers.Activation,
    "average_pooling2d": keras.layers.AveragePooling2D,
    "batch_normalization": keras.layers.BatchNormalization,
    "conv2d": keras.layers.Conv2D,
    "dense": keras.layers.Dense,
    "depthwise_conv2d": keras.layers.DepthwiseConv2D,
    "dropout": keras.layers.Dropout,
    "flatten": keras.layers.Flatten,
    "global_average_pooling2d": keras.layers.GlobalAveragePooling2D,
    "max_pooling2d": keras.layers.MaxPooling2D,
    "rescaling": keras.layers.Rescaling,
    "separable_conv2d": keras.layers.SeparableConv2D,
    "zero_padding2d": keras.layers.ZeroPadding2D,
}


def build_model(architecture: Architecture, image_shape: tuple[int, int, int], n_classes: int) -> keras.Model:
    """Build the network that `analyse` describes, without compiling it.

    Returns:
        A functional model. Input `images`: float32, shape (n, *image_shape), range [0, 1]. Output
        `probabilities`: float32, shape (n, n_classes), each row summing to 1, under any precision policy.

    Raises:
        ArchitectureError: the description does not work for these pictures and classes.
    """
    rows = analyse(architecture, image_shape, n_classes).layers
    build = _Build({row.index: row.name for row in rows}, n_classes)
    images = keras.Input(image_shape, dtype="float32", name=INPUT_TENSOR)
    resized = build.resize(images, architecture.input_size)
    probabilities = build.follow(architecture.layers, ("layers",), resized)
    return keras.Model(images, probabilities, name="network")


def pictures_at_once(network: keras.Model) -> int:
    """How many pictures a network can process at once without using much memory.

    Computed from the outputs of all layers in float32; frameworks free most of them earlier.
    """
    floats: int = sum(math.prod(layer.output.shape[1:]) for layer in network.layers)
    return max(1, min(MAX_AT_ONCE, AT_ONCE_BYTES // (4 * floats)))


class _Build:
    """Walks a description in the order of `analyse`, and takes each layer's name from its table."""

    def __init__(self, names: Mapping[str, str], n_classes: int) -> None:
        self._names = names
        self._n_classes = n_classes
        self._last_name = list(names.values())[-1]

    def resize(self, images: keras.KerasTensor, size: tuple[int, int] | None) -> keras.KerasTensor:
        if size is None or RESIZING_INDEX not in self._names:
            return images
        name = self._names[RESIZING_INDEX]
        # Without `training` said, this layer alone assumes True, and Keras 3.15 passes that on to all layers after it:
        # calling the published network would normalize by the batch and drop units. `fit` and `predict` say it.
        return keras.layers.Resizing(*size, interpolation="bilinear", name=name)(images, training=False)

    def follow(self, layers: Sequence[Layer], loc: Loc, values: keras.KerasTensor) -> keras.KerasTensor:
        for position, layer in enumerate(layers):
            path = LayerPath((*loc, position), layer.type)
            name = self._names[path.index]
            match layer:
                case Branches():
                    ends = [
                        self.follow(branch, (*path.loc, "branches", number), values)
                        for number, branch in enumerate(layer.branches)
                    ]
                    values = keras.layers.Concatenate(name=name)(ends)
                case Residual():
                    end = self.follow(layer.layers, (*path.loc, "layers"), values)
                    start = self.follow(layer.shortcut or (), (*path.loc, "shortcut"), values)
                    values = keras.layers.Add(name=name)([end, start])
                case _:
                    values = self._applied(layer, name, values)
        return values

    def _applied(self, layer: SimpleLayer, name: str, values: keras.KerasTensor) -> keras.KerasTensor:
        built = self._keras_layer(layer, name)
        outputs = built(values)
        if isinstance(layer, Conv2D) and layer.kernel_initializer == "whitening":
            built.kernel.trainable = False
        return outputs

    def _keras_layer(self, layer: SimpleLayer, name: str) -> keras.Layer:
        # The grammar's field names are Keras's argument names.
        arguments = {field: getattr(layer, field) for field in type(layer).model_fields if field != "type"}
        if arguments.get("units") == "classes":
            arguments["units"] = self._n_classes
        if arguments.get("kernel_initializer") in SET_AFTERWARDS:
            arguments["kernel_initializer"] = "glorot_uniform"
        if name == self._last_name:
            arguments["dtype"] = "float32"
        return _KERAS_LAYERS[layer.type](name=name, **arguments)
