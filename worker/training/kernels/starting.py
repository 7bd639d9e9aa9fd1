"""Gives a built network the filters that its description asks for and Keras cannot draw."""

import keras
import numpy as np
from numpy.typing import NDArray

from worker.architectures import Architecture, analyse
from worker.architectures.grammar import Conv2D
from worker.architectures.layer_changes import indexed_layers
from worker.pictures.pixels import to_unit_range
from worker.training.kernels.identity import with_identity
from worker.training.kernels.whitening import whitening_filters

VALUES_LOOKED_AT = 4_000_000
"""Values of all patches that a whitening layer is computed from: 1,000 pictures of 32x32 in colours for 2x2 patches."""


def set_starting_kernels(network: keras.Model, architecture: Architecture, pictures: NDArray[np.uint8]) -> None:
    """Set identity and whitening kernels.

    Args:
        network: just built from the description.
        architecture: the description.
        pictures: uint8, shape (n, height, width, channels), the training pictures; the first ones are looked at.
    """
    names = {
        row.index: row.name for row in analyse(architecture, network.input_shape[1:], network.output_shape[1]).layers
    }
    for index, described in indexed_layers(architecture.layers):
        if not isinstance(described, Conv2D):
            continue
        layer = network.get_layer(names[index])
        if described.kernel_initializer == "identity":
            layer.kernel.assign(with_identity(np.array(layer.kernel)))
        elif described.kernel_initializer == "whitening":
            _whiten(network, layer, described, pictures)


def release_kernels(network: keras.Model) -> None:
    """Let every kernel be trained again, as it will be by someone who opens the published file: it has no such mark."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D) and layer.trainable:
            layer.kernel.trainable = True


def _whiten(network: keras.Model, layer: keras.Layer, described: Conv2D, pictures: NDArray[np.uint8]) -> None:
    before = keras.Model(network.inputs[0], layer.input)
    per_picture = max(1, int(np.prod(before.output_shape[1:])) * int(np.prod(described.kernel_size)))
    some = to_unit_range(pictures[: max(1, VALUES_LOOKED_AT // per_picture)])
    maps = keras.ops.convert_to_numpy(before(some, training=False)).astype(np.float32)
    kernel, bias = whitening_filters(maps, described.kernel_size, described.filters)
    layer.kernel.assign(kernel)
    if described.use_bias:
        layer.bias.assign(bias)
