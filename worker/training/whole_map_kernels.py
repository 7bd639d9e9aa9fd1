"""Trains a convolution whose kernel covers its whole input as the dense layer that it is.

Both LeNets end their convolutions with one of 5x5 on maps of 5x5. TensorFlow's convolutions are slow where so little is
left to slide over: a step of `lenet5-fashion` takes 0.85 of its time without them (two cores of an AMD EPYC, steps in
turn). Only the order of additions differs. The layer is the same before and after: what is published is a convolution.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras


@contextmanager
def trained_as_dense(network: keras.Model) -> Iterator[None]:
    """Compute such convolutions as products of matrices until the end of the context.

    Functions that were traced before keep computing convolutions.
    """
    changed = [layer for layer in network.layers if type(layer) is keras.layers.Conv2D and covers_its_input(layer)]
    for layer in changed:
        layer.convolution_op = _product
    try:
        yield
    finally:
        for layer in changed:
            del layer.convolution_op


def covers_its_input(layer: keras.layers.Conv2D) -> bool:
    """Whether a convolution's kernel has one place only, without padding."""
    if layer.data_format != "channels_last" or layer.padding != "valid" or layer.groups != 1:
        return False
    return tuple(layer.input.shape[1:3]) == tuple(layer.kernel_size) and tuple(layer.dilation_rate) == (1, 1)


def _product(inputs: Any, kernel: Any) -> Any:
    """Shapes (n, height, width, channels) and (height, width, channels, filters) to (n, 1, 1, filters)."""
    filters = kernel.shape[-1]
    rows = keras.ops.reshape(inputs, (-1, kernel.shape[0] * kernel.shape[1] * kernel.shape[2]))
    return keras.ops.reshape(keras.ops.matmul(rows, keras.ops.reshape(kernel, (-1, filters))), (-1, 1, 1, filters))
