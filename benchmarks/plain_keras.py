"""The lesson's trainings as plain Keras scripts: what the service is compared with.

    python benchmarks/plain_keras.py cnn cifar10 --epochs 10 --datasets-dir DIR

Writes one JSON line: seconds of `fit`, wall and CPU, and the history. Only the files are read with our loader; the
networks are written out in Keras, so that they also check our presets.
"""

import argparse
import json
import time
from pathlib import Path

import keras
import numpy as np
from keras import layers

from worker.datasets import load_dataset


def cnn() -> keras.Model:
    """The lesson's first CIFAR-10 network: 226,390 parameters."""
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(10, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(100, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def cnn_wide() -> keras.Model:
    """The lesson's wider CIFAR-10 network: 1,628,214 parameters."""
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(512, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(256, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(100, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def lenet5_fashion() -> keras.Model:
    """The lesson's tanh network for Fashion-MNIST: 61,610 parameters."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 3, padding="same", activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(120, 5, activation="tanh"),
            layers.Flatten(),
            layers.Dense(84, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )


NETWORKS = {
    "cnn": (cnn, "adam", 32),
    "cnn-wide": (cnn_wide, "adam", 32),
    "lenet5-fashion": (lenet5_fashion, "sgd", 128),
}


def main() -> None:
    """Train one network on one dataset's whole training split, validated on its test split."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture", choices=NETWORKS)
    parser.add_argument("dataset")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--datasets-dir", type=Path, required=True)
    arguments = parser.parse_args()

    build, optimizer, batch_size = NETWORKS[arguments.architecture]
    dataset = load_dataset(arguments.dataset, arguments.datasets_dir)
    x_train, x_test = (images.astype("float32") / 255 for images in (dataset.train_images, dataset.test_images))
    y_train, y_test = (np.eye(10, dtype="float32")[labels] for labels in (dataset.train_labels, dataset.test_labels))
    network = build()
    network.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    started, cpu_started = time.monotonic(), time.process_time()
    fit = network.fit(
        x_train,
        y_train,
        batch_size=batch_size,
        epochs=arguments.epochs,
        validation_data=(x_test, y_test),
        verbose=0,
    )
    seconds, cpu_seconds = time.monotonic() - started, time.process_time() - cpu_started
    print(json.dumps({"fit_seconds": seconds, "fit_cpu_seconds": cpu_seconds, **fit.history}))


if __name__ == "__main__":
    main()
