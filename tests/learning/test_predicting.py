"""Few pictures are predicted by calling the network and many by Keras's `predict`: the answers are the same."""

import keras
import numpy as np
import pytest

from worker.training import predicting


def test_the_answers_do_not_depend_on_how_many_pictures_are_predicted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(3, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    images = np.random.default_rng(0).integers(0, 256, (10, 6, 6, 1), np.uint8)
    answers = []
    for at_once, is_traced in ((4, False), (10, False), (2, True)):
        monkeypatch.setattr(predicting, "pictures_at_once", lambda _, at_once=at_once: at_once)
        answers.append(predicting.predict_pictures(network, images))
        assert (network.predict_function is not None) == is_traced
    for answer in answers:
        assert answer.dtype == np.float32
        np.testing.assert_allclose(answer, answers[0], atol=1e-6)
