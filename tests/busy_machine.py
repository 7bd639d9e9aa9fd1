"""Limits in seconds that hold as they are on a quiet machine, and grow with the load on a busy one."""

import time

_SAMPLE_S = 0.2


def slowness() -> float:
    """How many times as long work takes now as on a quiet machine: seconds that pass per second of processor time."""
    began, began_cpu = time.monotonic(), time.thread_time()
    while time.thread_time() - began_cpu < _SAMPLE_S:
        pass
    return (time.monotonic() - began) / _SAMPLE_S


def is_within(took_s: float, limit_s: float) -> bool:
    """Whether something took no longer than it may; how busy the machine is counts only where it took longer."""
    return took_s <= limit_s or took_s <= limit_s * slowness()
