"""One line that shows how far a job is; only on a terminal, and only where nobody reads it as output."""

import sys
from typing import TextIO

from convserve.answers import JobFacts

BAR = 24


class ProgressLine:
    """Writes and rewrites a line on the standard error.

    Args:
        is_wanted: None: if it is a terminal.
        stream: instead of the standard error.
    """

    def __init__(self, is_wanted: bool | None = None, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._is_on = self._stream.isatty() if is_wanted is None else is_wanted
        self._length = 0

    def show(self, job: JobFacts) -> None:
        """Show where the job is."""
        if not self._is_on:
            return
        text = described(job)
        self._stream.write(f"\r{text.ljust(self._length)}")
        self._stream.flush()
        self._length = len(text)

    def end(self) -> None:
        """Go to the next line."""
        if self._is_on and self._length:
            self._stream.write("\n")
            self._stream.flush()


def described(job: JobFacts) -> str:
    """Where a job is, in a line."""
    history = job.history
    done, epochs = len(history["epoch"]), job.raw.get("request", {}).get("epochs") or 0
    filled = round(BAR * done / epochs) if epochs else 0
    accuracy = history.get("val_accuracy", [])
    shown = f"  val_accuracy {accuracy[-1]:.4f}" if accuracy else ""
    return f"{job.id} {job.state} [{'#' * filled}{'.' * (BAR - filled)}] {done}/{epochs}{shown}"
