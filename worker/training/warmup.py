"""Imports Keras and makes TensorFlow trace a first training step in advance, so that jobs start faster.

Skipped if there is a GPU: an idle trainer must not hold GPU memory while another one trains.
"""

import keras
import numpy as np

from worker.datasets.dataset import LabelledImages
from worker.pictures.pixels import to_unit_range
from worker.training.compiling import build_training_state
from worker.training.feeding import Feed, TrainingData
from worker.training.fused_adam import fuse_adam
from worker.training.graph_loops import GraphLoops
from worker.training.splits import Split


def warm_up() -> None:
    """Train and evaluate a tiny network once. Leaves no state except warm caches."""
    if keras.backend.backend() != "tensorflow":
        return  # JAX cannot tell whether there is a GPU without allocating its memory
    import tensorflow as tf  # noqa: PLC0415 - only where Keras runs on it

    if tf.config.list_physical_devices("GPU"):
        return
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(1, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    fuse_adam(model, model.optimizer)
    build_training_state(model)
    images, labels = np.zeros((4, 8, 8, 1), np.uint8), np.array([0, 1, 0, 1])
    targets = np.eye(2, dtype=np.float32)
    model(to_unit_range(images), training=False)  # as for the first frame of a film
    data = TrainingData(LabelledImages(images, labels), targets, None, None, batch_size=2, seed=0)
    with Feed(data) as feed:
        GraphLoops(model, data, Split(to_unit_range(images), targets[labels])).fit(feed, 0, 1, 2, [])
    keras.backend.clear_session()
