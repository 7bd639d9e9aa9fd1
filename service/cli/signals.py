"""Turns SIGINT, SIGTERM and SIGHUP into stop requests that take effect only where it is safe.

A handler that raises an exception anywhere could lose a child process between its start and the line that records it.
Here a signal is only counted, except inside `interrupting`.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

from service.cli.errors import Stopped

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Inside this block, which only imports modules, Ctrl-C ends the process immediately.

    As an exception it could be lost: Python ignores those that are raised in callbacks of weak references, and every
    import has one (`importlib._bootstrap._get_module_lock`).
    """
    previous = signal.signal(signal.SIGINT, lambda number, _: os._exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


class StopSignals:
    """Counts stop signals while the `with` block lasts.

    Attributes:
        received: number of signals received. The second one means: do not wait any longer.
    """

    def __init__(self) -> None:
        self.received = 0
        self._last = 0
        self._may_raise = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._previous = {number: signal.signal(number, self._note) for number in HANDLED}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise `Stopped` if a signal was received."""
        if self.received:
            raise Stopped(self._last)

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Inside this block a signal raises `Stopped` immediately; the block must not start processes."""
        self._may_raise = True
        try:
            self.check()
            yield
        finally:
            self._may_raise = False

    def _note(self, number: int, _: FrameType | None) -> None:
        self.received += 1
        self._last = number
        if self._may_raise:
            self._may_raise = False
            raise Stopped(number)
