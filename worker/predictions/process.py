"""Starts the reader's process, and passes on what it says."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worker.predictions.options import ReaderOrder
from worker.predictions.rows import MESSAGES, Counted, Refused, Row
from worker.reader_environment import reader_environment

logger = logging.getLogger(__name__)

_COMPLAINT_BYTES = 2000


class ReaderDied(Exception):
    """The reader ended before its last picture."""


@contextmanager
def reading(order: ReaderOrder) -> Iterator[Iterator[Row | Counted | Refused]]:
    """The messages of a reader, which is ended with the block. Iterating raises `ReaderDied`."""
    complaints = Path(order.folder) / "complaints.txt"
    with complaints.open("wb") as told:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "worker.predictions.reader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=told,
            cwd=order.folder,
            env=reader_environment(),
        )
    try:
        yield _messages(process, order, complaints)
    finally:
        process.kill()
        process.communicate()


def _messages(
    process: "subprocess.Popen[bytes]", order: ReaderOrder, complaints: Path
) -> Iterator[Row | Counted | Refused]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("subprocess opened no pipes although it was asked to")
    try:
        process.stdin.write(order.model_dump_json().encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        pass  # its status says why
    for line in process.stdout:
        yield MESSAGES.validate_json(line)
    if status := process.wait():
        words = complaints.read_bytes()[-_COMPLAINT_BYTES:].decode(errors="replace").strip()
        logger.warning("a reader of pictures ended with %d: %s", status, words)
        raise ReaderDied(f"the process that reads the pictures ended with {status}")
