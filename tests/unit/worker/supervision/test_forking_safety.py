import sys

import pytest

from worker.jobs.workers import Gpu
from worker.supervision import trainer_template
from worker.supervision.trainer_template import is_forking_safe

pytestmark = pytest.mark.unit
GPU = Gpu(name="one", used_bytes=0, total_bytes=1, utilization=None)


@pytest.mark.parametrize(
    ("environment", "gpus", "is_safe"),
    [
        ({"KERAS_BACKEND": "tensorflow"}, (), True),
        ({"KERAS_BACKEND": "tensorflow"}, (GPU,), False),
        ({"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "0"}, (GPU,), False),
        ({"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": ""}, (GPU,), True),
        ({"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}, (GPU,), True),
        ({"KERAS_BACKEND": "jax"}, (), False),
        ({"KERAS_BACKEND": "torch"}, (), False),
    ],
)
def test_trainers_are_forked_where_tensorflow_uses_no_gpu(
    environment: dict[str, str], gpus: tuple[Gpu, ...], is_safe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer_template, "gpus", lambda: gpus)
    monkeypatch.setattr(sys, "platform", "linux")
    assert is_forking_safe(environment) is is_safe


def test_trainers_are_forked_on_linux_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_template, "gpus", lambda: ())
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not is_forking_safe({"KERAS_BACKEND": "tensorflow"})
