"""The GPUs of this machine as NVIDIA's management library (NVML) sees them; none where there is no such library.

It is part of the driver, so it is called by `ctypes` and nothing needs to be installed.
"""

import ctypes
from functools import cache

from worker.jobs.workers import Gpu

LIBRARY = "libnvidia-ml.so.1"
_NAME_BYTES = 96  # NVML_DEVICE_NAME_V2_BUFFER_SIZE


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _NvmlFailed(Exception):
    """A call did not succeed."""


def gpus() -> tuple[Gpu, ...]:
    """The GPUs with how busy they are now."""
    library = _library()
    if library is None:
        return ()
    try:
        count = ctypes.c_uint()
        _call(library.nvmlDeviceGetCount_v2, ctypes.byref(count))
        return tuple(_gpu(library, number) for number in range(count.value))
    except _NvmlFailed:
        return ()


@cache
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(LIBRARY)
        _call(library.nvmlInit_v2)
    except (OSError, AttributeError, _NvmlFailed):
        return None
    return library


def _gpu(library: ctypes.CDLL, number: int) -> Gpu:
    device, memory, busy = ctypes.c_void_p(), _Memory(), _Utilization()
    name = ctypes.create_string_buffer(_NAME_BYTES)
    _call(library.nvmlDeviceGetHandleByIndex_v2, number, ctypes.byref(device))
    _call(library.nvmlDeviceGetName, device, name, _NAME_BYTES)
    _call(library.nvmlDeviceGetMemoryInfo, device, ctypes.byref(memory))
    try:
        _call(library.nvmlDeviceGetUtilizationRates, device, ctypes.byref(busy))
        share = busy.gpu / 100
    except _NvmlFailed:
        share = None  # a part of a GPU does not say
    return Gpu(name=name.value.decode(), used_bytes=memory.used, total_bytes=memory.total, utilization=share)


def _call(function: "ctypes._NamedFuncPointer", *arguments: object) -> None:
    if function(*arguments) != 0:
        raise _NvmlFailed
