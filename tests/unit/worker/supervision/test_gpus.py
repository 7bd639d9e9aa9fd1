"""What NVIDIA's management library says, by a library that answers as the real one does."""

import ctypes
from typing import Any

import pytest

from worker.jobs.workers import Gpu
from worker.supervision import gpus as gpus_module
from worker.supervision.gpus import gpus


class Nvml:
    """Two GPUs, of which the second does not tell how busy it is."""

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:  # noqa: ANN401, N802 - the names of the library
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, number: int, device: Any) -> int:  # noqa: ANN401, N802
        device._obj.value = 100 + number
        return 0

    def nvmlDeviceGetName(self, device: ctypes.c_void_p, name: Any, _length: int) -> int:  # noqa: ANN401, N802
        name.value = f"GPU {device.value}".encode()
        return 0

    def nvmlDeviceGetMemoryInfo(self, _device: ctypes.c_void_p, memory: Any) -> int:  # noqa: ANN401, N802
        memory._obj.total, memory._obj.used = 80, 20
        return 0

    def nvmlDeviceGetUtilizationRates(self, device: ctypes.c_void_p, busy: Any) -> int:  # noqa: ANN401, N802
        busy._obj.gpu = 25
        return 0 if device.value == 100 else 3


def test_gpus_are_told_with_their_memory_and_how_busy_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus_module, "_library", Nvml)
    first, second = gpus()
    assert first == Gpu(name="GPU 100", used_bytes=20, total_bytes=80, utilization=0.25)
    assert (second.name, second.utilization) == ("GPU 101", None)


def test_without_the_library_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus_module, "LIBRARY", "libnvidia-ml-is-not-here.so.1")
    gpus_module._library.cache_clear()
    assert gpus() == ()
    gpus_module._library.cache_clear()
