"""The lines a person reads while the stack runs: time, process, message, as the processes themselves write them."""

import contextlib
import time
from typing import TextIO


class StatusLines:
    """Writes about the processes of the stack; the processes write to the same place.

    Args:
        stream: a real file, since the processes inherit it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, process: str, message: str) -> None:
        """One line about a process."""
        # A terminal that was closed must not keep the stack from stopping in order.
        with contextlib.suppress(OSError):
            self._stream.write(f"{time.strftime('%H:%M:%S')}  {process:<7} {message}\n")
            self._stream.flush()

    def fileno(self) -> int:
        """Where processes write their own lines."""
        return self._stream.fileno()
