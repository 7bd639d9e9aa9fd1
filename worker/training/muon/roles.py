"""Which variables of a network take orthogonal steps, and which of those have no norm that matters."""

from dataclasses import dataclass

import keras

_MATRICES = (keras.layers.Conv2D, keras.layers.Dense)
_PASSING_SCALE_ON = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)


@dataclass(frozen=True)
class Roles:
    """Paths of variables.

    Attributes:
        kernels: of convolutions and dense layers that are trained, but not of the last layer, whose units are classes.
        normalized: those of them that only batch normalization follows.
    """

    kernels: tuple[str, ...]
    normalized: tuple[str, ...]


def roles_of(network: keras.Model) -> Roles:
    """The roles of a built network's kernels."""
    last = network.layers[-1]
    layers = [
        layer for layer in network.layers if type(layer) in _MATRICES and layer is not last and layer.kernel.trainable
    ]
    normalized = [layer for layer in layers if not layer.use_bias and _is_normalized(layer)]
    return Roles(tuple(layer.kernel.path for layer in layers), tuple(layer.kernel.path for layer in normalized))


def _is_normalized(layer: keras.Layer) -> bool:
    """Whether everything that reads a layer's output is batch normalization, if need be after pooling."""
    if getattr(layer, "activation", None) not in (None, keras.activations.linear):
        return False
    readers = [node.operation for node in layer._outbound_nodes]  # Keras has no public way to follow a graph
    return bool(readers) and all(
        isinstance(reader, keras.layers.BatchNormalization)
        or (isinstance(reader, _PASSING_SCALE_ON) and _is_normalized(reader))
        for reader in readers
    )
