"""Limits on work, counted in processor time: they hold on a busy machine as on a quiet one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_most_cpu_s(limit_s: float) -> Iterator[None]:
    """Fail if the block keeps the threads of this process busy for longer than so many seconds."""
    began = time.process_time()
    yield
    used_s = time.process_time() - began
    assert used_s < limit_s, f"expected less than {limit_s} s of processor time, used {used_s:.3f} s"
