"""What NVIDIA's management library says, by functions that answer as the real ones do."""

from types import SimpleNamespace

import pynvml
import pytest

from worker.jobs.workers import Gpu
from worker.supervision import gpus as gpus_module
from worker.supervision.gpus import gpus


def _utilization(device: int) -> SimpleNamespace:
    if device != 0:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
    return SimpleNamespace(gpu=25, memory=3)


def _memory(_device: int, version: int) -> SimpleNamespace:
    assert version == pynvml.nvmlMemory_v2  # the first version counts what the driver reserves as used
    return SimpleNamespace(total=80, used=20)


@pytest.fixture
def _two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs, of which the second does not tell how busy it is."""
    monkeypatch.setattr(gpus_module, "_has_driver", lambda: True)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: 2)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", int)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetName", "GPU {}".format)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", _memory)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetUtilizationRates", _utilization)


@pytest.mark.usefixtures("_two_gpus")
def test_gpus_are_told_with_their_memory_and_how_busy_they_are() -> None:
    first, second = gpus()
    assert first == Gpu(name="GPU 0", used_bytes=20, total_bytes=80, utilization=0.25)
    assert (second.name, second.utilization) == ("GPU 1", None)


@pytest.mark.usefixtures("_two_gpus")
def test_a_driver_that_fails_later_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost() -> int:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)

    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lost)
    assert gpus() == ()


def test_without_a_driver_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", no_library)
    gpus_module._has_driver.cache_clear()
    assert gpus() == ()
    gpus_module._has_driver.cache_clear()
