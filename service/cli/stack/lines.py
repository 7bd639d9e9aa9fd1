"""The stack's log lines: time, process, message, in the format that the processes themselves use."""

import contextlib
import logging
from typing import TextIO

from worker.telemetry.logs import LogFormat, formatter_of


class StatusLines:
    """Writes lines about the stack's processes to the stream that the processes also write to.

    Args:
        stream: a real file, since the processes inherit it.
        log_format: for people or for programs; the processes read it from their own settings.
    """

    def __init__(self, stream: TextIO, log_format: LogFormat = "readable") -> None:
        self._stream = stream
        self._log_format: LogFormat = log_format

    def say(self, process: str, message: str) -> None:
        """Write one line about a process."""
        # A closed terminal must not prevent the stack from stopping in order.
        with contextlib.suppress(OSError):
            record = logging.LogRecord(__name__, logging.INFO, __file__, 0, message, None, None)
            self._stream.write(formatter_of(process, self._log_format).format(record) + "\n")
            self._stream.flush()

    def fileno(self) -> int:
        """File descriptor for the processes' own lines."""
        return self._stream.fileno()
