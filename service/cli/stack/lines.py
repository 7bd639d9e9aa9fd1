"""The lines a person reads while the stack runs: time, process, message, as the processes themselves write them."""

import contextlib
import logging
from typing import TextIO

from worker.telemetry.logs import LogFormat, formatter_of


class StatusLines:
    """Writes about the processes of the stack; the processes write to the same place.

    Args:
        stream: a real file, since the processes inherit it.
        log_format: for people, or for machines; the processes are told by their own settings.
    """

    def __init__(self, stream: TextIO, log_format: LogFormat = "readable") -> None:
        self._stream = stream
        self._log_format: LogFormat = log_format

    def say(self, process: str, message: str) -> None:
        """One line about a process."""
        # A terminal that was closed must not keep the stack from stopping in order.
        with contextlib.suppress(OSError):
            record = logging.LogRecord(__name__, logging.INFO, __file__, 0, message, None, None)
            self._stream.write(formatter_of(process, self._log_format).format(record) + "\n")
            self._stream.flush()

    def fileno(self) -> int:
        """Where processes write their own lines."""
        return self._stream.fileno()
