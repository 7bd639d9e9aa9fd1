"""Grad-CAM with Keras's own gradients: what our Grad-CAM without gradients is compared with."""

import keras
import numpy as np
from numpy.typing import NDArray


def grad_cam_by_keras(
    network: keras.Model, layer_name: str, image: NDArray[np.float32], class_index: int
) -> NDArray[np.float64]:
    """The map of a layer for a class, shape (height, width), of a network whose layers all lie in a row behind it."""
    import tensorflow as tf  # noqa: PLC0415 - only here

    layer = network.get_layer(layer_name)
    values = tf.Variable(keras.Model(network.inputs[0], layer.output)(image[np.newaxis], training=False))
    behind = network.layers[network.layers.index(layer) + 1 : -1]
    last = network.layers[-1]
    with tf.GradientTape() as tape:
        reached = values
        for each in behind:
            reached = each(reached, training=False)
        logit = (tf.matmul(reached, last.kernel) + last.bias)[0, class_index]
    weights = tape.gradient(logit, values).numpy()[0].mean(axis=(0, 1), dtype=np.float64)
    found: NDArray[np.float64] = np.maximum(values.numpy()[0].astype(np.float64) @ weights, 0)
    return found


def grad_cam_of_any_network(
    network: keras.Model, layer_name: str, images: NDArray[np.float32], class_index: int
) -> NDArray[np.float64]:
    """The same for a network with branches: the tape follows the whole network."""
    import tensorflow as tf  # noqa: PLC0415 - only here

    layer, last = network.get_layer(layer_name), network.layers[-1]
    both = keras.Model(network.inputs[0], [layer.output, last.input])
    with tf.GradientTape() as tape:
        pictures = tf.Variable(images)
        values, reached = both(pictures, training=False)
        logit = (tf.matmul(reached, last.kernel) + last.bias)[0, class_index]
    weights = tape.gradient(logit, values).numpy()[0].mean(axis=(0, 1), dtype=np.float64)
    found: NDArray[np.float64] = np.maximum(values.numpy()[0].astype(np.float64) @ weights, 0)
    return found
