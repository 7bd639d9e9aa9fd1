"""Filters that never change their output are found in a network that was built to have some."""

import keras
import numpy as np
import pytest

from worker.training.dead_filters import find_dead_filters

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_filters_with_a_large_negative_bias_are_dead() -> None:
    network = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(6, 3, activation="relu", name="first"),
            keras.layers.Conv2D(4, 3, name="second"),
            keras.layers.Activation("relu", name="after"),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    kernel, bias = network.get_layer("first").get_weights()
    bias[[1, 4]] = -100
    network.get_layer("first").set_weights([np.abs(kernel), bias])
    images = np.random.default_rng(1).random((40, 8, 8, 1), dtype=np.float32)
    found = {layer.layer: layer for layer in find_dead_filters(network, images)}
    assert list(found) == ["first", "second", "after"]
    assert (found["first"].dead, found["first"].filters) == ((1, 4), 6)
    assert found["second"].dead == ()


def test_a_network_without_filters_has_none_that_are_dead() -> None:
    network = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    assert find_dead_filters(network, np.zeros((3, 4, 4, 1), np.float32)) == ()
