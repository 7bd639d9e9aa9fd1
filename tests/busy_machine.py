"""Limits in seconds that hold as they are on a quiet machine, and grow with the load on a busy one."""

import os
import subprocess
import time
from collections.abc import Callable

PATIENCE_S = 600.0
"""Ends a wait for something that never comes; no claim about how long it takes."""
_SAMPLE_S = 0.2
_BUSY = 2.0


def slowness() -> float:
    """How many times as long work takes now as on a quiet machine; about 1 there.

    The larger of two: seconds that pass here per second of processor time, and the processes per core that want one.
    The second counts where the kernel shares by session: a trainer, in a session that yields to all others, may get
    much less than this process.
    """
    began, began_cpu = time.monotonic(), time.thread_time()
    while time.thread_time() - began_cpu < _SAMPLE_S:
        pass
    waited = (time.monotonic() - began) / _SAMPLE_S
    return max(waited, os.getloadavg()[0] / (os.cpu_count() or 1))


def settings_when_busy() -> dict[str, str]:
    """Settings of a stack: on a busy machine its trainers do not yield to everything else, or they get next to nothing.

    Measured beside seven sessions that computed: a training of five seconds took 127.
    """
    return {"CONVSERVE_TRAINER_NICENESS": "0"} if slowness() > _BUSY else {}


def is_within(took_s: float, limit_s: float) -> bool:
    """Whether something took no longer than it may; how busy the machine is counts only where it took longer."""
    return took_s <= limit_s or took_s <= limit_s * slowness()


def wait_until(
    condition: Callable[[], bool], limit_s: float, state: Callable[[], object] = str, pause_s: float = 0.05
) -> float:
    """Wait until something holds, and fail if that takes too long.

    Args:
        condition: asked again and again.
        limit_s: seconds that this may take on a quiet machine.
        state: what the failure shows.
        pause_s: between two questions.

    Returns:
        The seconds until it held.
    """
    began = time.monotonic()
    while not condition():
        assert is_within(time.monotonic() - began, limit_s), f"did not happen within {limit_s} s: {state()}"
        time.sleep(pause_s)
    return time.monotonic() - began


def exit_code(process: subprocess.Popen[str] | subprocess.Popen[bytes], limit_s: float) -> int:
    """The code of a process that must end by itself within so many seconds."""
    wait_until(lambda: process.poll() is not None, limit_s, lambda: process.args)
    return process.wait()
