"""The GPUs of this machine as NVIDIA's management library (NVML) sees them; none where there is no driver."""

import os
from functools import cache

import pynvml

from worker.jobs.workers import Gpu


def gpus() -> tuple[Gpu, ...]:
    """The GPUs with how busy they are now."""
    if not _has_driver():
        return ()
    try:
        return tuple(_gpu(number) for number in range(pynvml.nvmlDeviceGetCount()))
    except pynvml.NVMLError:
        return ()


@cache
def _has_driver() -> bool:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return False
    return True


def _gpu(number: int) -> Gpu:
    device = pynvml.nvmlDeviceGetHandleByIndex(number)
    # The first version of this call counts what the driver reserves as used: 0.64 GB on an idle H200.
    memory = pynvml.nvmlDeviceGetMemoryInfo(device, version=pynvml.nvmlMemory_v2)
    try:
        share = pynvml.nvmlDeviceGetUtilizationRates(device).gpu / 100
    except pynvml.NVMLError:
        share = None  # a part of a GPU does not say
    name = pynvml.nvmlDeviceGetName(device)
    return Gpu(name=name, used_bytes=memory.used, total_bytes=memory.total, utilization=share)


def usable_devices(virtual: int | None) -> int:
    """Among how many devices a training of this worker can be divided.

    Args:
        virtual: devices that the processor is split into where no GPU is used; None for one.

    Returns:
        1 on every backend of Keras but TensorFlow.
    """
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        return 1
    return _visible_gpus() or virtual or 1


def _visible_gpus() -> int:
    found, visible = len(gpus()), os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return found
    return min(found, len([name for name in visible.split(",") if name.strip() not in {"", "-1"}]))
