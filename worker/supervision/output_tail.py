"""The end of what a process has printed."""

import os
from typing import BinaryIO


def tail_of(output: BinaryIO, most_bytes: int) -> str:
    """The last bytes of a file as text."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - most_bytes))
    return output.read().decode(errors="replace").strip()
