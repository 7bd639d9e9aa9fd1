"""Among how many devices a worker says that it can divide a training."""

import pytest

from worker.jobs.workers import Gpu
from worker.supervision import gpus
from worker.supervision.gpus import usable_devices

pytestmark = pytest.mark.unit
GPU = Gpu(name="one", used_bytes=0, total_bytes=1, utilization=None)


@pytest.mark.parametrize(
    ("backend", "n_gpus", "visible", "virtual", "usable"),
    [
        ("tensorflow", 0, None, None, 1),
        ("tensorflow", 0, None, 2, 2),
        ("tensorflow", 4, None, None, 4),
        ("tensorflow", 4, "0,2", None, 2),
        ("tensorflow", 4, "", None, 1),
        ("tensorflow", 4, "-1", 2, 2),
        ("jax", 4, None, 2, 1),
        ("torch", 4, None, 2, 1),
    ],
)
def test_usable_devices_are_gpus_or_parts_of_the_processor(
    backend: str, n_gpus: int, visible: str | None, virtual: int | None, usable: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(gpus, "gpus", lambda: (GPU,) * n_gpus)
    assert usable_devices(virtual) == usable
