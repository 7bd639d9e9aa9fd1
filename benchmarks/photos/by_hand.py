"""The same backbone and the same kind of head as a plain Keras script: what the product is compared with."""

import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from worker.pretrained.imagenet import imagenet_weights

BLOCKS = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))  # fmt: skip  # noqa: E501
SIDE, EPOCHS, BATCH = 160, 20, 16


def train_by_hand(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    test_images: NDArray[np.uint8],
    test_labels: NDArray[np.int64],
    cache: Path,
) -> dict[str, Any]:
    """Features of all pictures, then a dense layer; its accuracy on other pictures."""
    began, cpu_began = time.monotonic(), time.process_time()
    keras.utils.set_random_seed(7)
    backbone = efficientnet_lite0(images.shape[1:])
    weighted = [layer for layer in backbone.layers if layer.weights]
    for layer, arrays in zip(weighted, imagenet_weights(cache)[:-1], strict=True):
        layer.set_weights(arrays)
    features = backbone.predict(images / np.float32(255), verbose=0)
    n_classes = int(labels.max()) + 1
    head = keras.Sequential([keras.Input((1280,)), layers.Dropout(0.2), layers.Dense(n_classes, activation="softmax")])
    steps = EPOCHS * -(-len(images) // BATCH)
    head.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    head.fit(features, labels, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    seconds, cpu_seconds = time.monotonic() - began, time.process_time() - cpu_began
    answers = head.predict(backbone.predict(test_images / np.float32(255), verbose=0), verbose=0).argmax(axis=1)
    return {
        "seconds": round(seconds, 1),
        "cpu_s": round(cpu_seconds, 1),
        "accuracy": round(float((answers == test_labels).mean()), 4),
    }


def efficientnet_lite0(shape: tuple[int, ...]) -> keras.Model:
    """The backbone, written out in Keras."""
    inputs = keras.Input(shape)
    values = layers.Rescaling(255 / 128, -127 / 128)(layers.Resizing(SIDE, SIDE)(inputs))
    values = _normalized(layers.Conv2D(32, 3, 2, "same", use_bias=False)(values))
    channels = 32
    for repeats, kernel, strides, expansion, filters in BLOCKS:
        for number in range(repeats):
            block = values
            if expansion > 1:
                block = _normalized(layers.Conv2D(channels * expansion, 1, use_bias=False)(block))
            stride = strides if number == 0 else 1
            block = _normalized(layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False)(block))
            block = layers.BatchNormalization()(layers.Conv2D(filters, 1, use_bias=False)(block))
            values = layers.Add()([values, block]) if number else block
            channels = filters
    values = _normalized(layers.Conv2D(1280, 1, use_bias=False)(values))
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(values))


def _normalized(values: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU(6)(layers.BatchNormalization()(values))
