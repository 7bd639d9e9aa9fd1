"""What a trainer does in advance, before it has a job."""

from typing import Any

import keras
import pytest

from worker.training.warmup import warm_up


def test_each_step_is_traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    traced: list[str] = []

    def counted(name: str) -> None:
        step = getattr(keras.Model, name)

        def trace(self: keras.Model, data: object) -> Any:  # noqa: ANN401 - Keras has no types
            traced.append(name)
            return step(self, data)

        monkeypatch.setattr(keras.Model, name, trace)

    counted("train_step")
    counted("test_step")

    warm_up()

    assert sorted(traced) == ["test_step", "train_step"]
