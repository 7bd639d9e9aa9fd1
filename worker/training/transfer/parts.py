"""Divides a network into a backbone, which gives features, and a head, which is the last layer; and freezes layers."""

import math
from dataclasses import dataclass

import keras

from worker.recipe.options import TrainedPart

SHARE_OF_LAST_BLOCKS = 0.5
"""Of the backbone's weights: `last_blocks` trains as many of the last layers as have no more than this share."""


@dataclass(frozen=True)
class Parts:
    """A network in two parts.

    Attributes:
        backbone: from pictures to features; it shares its layers with the network.
        head: from features to probabilities; it has layers of its own.
    """

    backbone: keras.Model
    head: keras.Model

    @property
    def width(self) -> int:
        """Features of one picture."""
        return int(self.backbone.output_shape[-1])

    def give_head_to(self, network: keras.Model) -> None:
        """Copy the weights of the head into the network."""
        network.layers[-1].set_weights(self.head.layers[-1].get_weights())


def divide(network: keras.Model) -> Parts:
    """The parts of a network whose last layer is dense; a dropout before it belongs to the head."""
    last, before = network.layers[-1], network.layers[-2]
    begin = before if isinstance(before, keras.layers.Dropout) else last
    inputs = keras.Input(begin.input.shape[1:], dtype="float32", name="features")
    values = inputs if begin is last else keras.layers.Dropout(before.rate)(inputs)
    output = keras.layers.Dense.from_config(last.get_config())
    head = keras.Model(inputs, output(values), name="head")
    output.set_weights(last.get_weights())
    return Parts(keras.Model(network.inputs[0], begin.input, name="backbone"), head)


def freeze(network: keras.Model, part: TrainedPart) -> None:
    """Leave only the weights of a part trainable, and batch normalization as it was learned.

    Few pictures in small batches would ruin the averages that batch normalization has learned from many.
    """
    first = 0 if part == "all" else _first_of_last_blocks(network.layers[:-1])
    for number, layer in enumerate(network.layers):
        layer.trainable = number >= first and not isinstance(layer, keras.layers.BatchNormalization)


def _first_of_last_blocks(layers: list[keras.Layer]) -> int:
    sizes = [sum(math.prod(weight.shape) for weight in layer.weights) for layer in layers]
    left = SHARE_OF_LAST_BLOCKS * sum(sizes)
    for number in range(len(layers) - 1, -1, -1):
        left -= sizes[number]
        if left < 0:
            return number + 1
    return 0
