"""Which process the kernel ends when memory runs out."""

import contextlib
from pathlib import Path

_SCORE = "900"
"""Of 1000: the kernel ends a trainer, whose job then names the reason, before an API, a worker or a Redis."""


def prefer_for_kills(process: int) -> None:
    """Make the kernel end this process before others when memory runs out; processes forked from it inherit this."""
    with contextlib.suppress(OSError):  # no Linux, or this process's own score is higher
        Path(f"/proc/{process}/oom_score_adj").write_text(_SCORE)
