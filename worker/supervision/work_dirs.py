"""Directories for trainers' temporary files, and the removal of those whose owners were killed.

A directory holds the file that takes the trainer's output. It is locked for as long as the worker or the trainer lives:
the kernel drops the lock when both are gone, however they ended, so a directory in use is never removed.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

PREFIX = "convserve-trainer-"
OUTPUT_FILE = "output.log"


def make_work_dir() -> tuple[Path, BinaryIO]:
    """A new directory, and its locked file, to be inherited by the trainer."""
    directory = Path(tempfile.mkdtemp(prefix=PREFIX))
    output = (directory / OUTPUT_FILE).open("w+b")
    fcntl.flock(output, fcntl.LOCK_SH)
    return directory, output


def sweep_work_dirs() -> int:
    """Remove the directories of this user whose worker and trainer are gone, and say how many."""
    found = [path for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") if _is_abandoned(path)]
    for directory in found:
        shutil.rmtree(directory, ignore_errors=True)
    return len(found)


def _is_abandoned(directory: Path) -> bool:
    try:
        if directory.lstat().st_uid != os.getuid():
            return False
        # Without the file, its owner is just creating it, or was killed at that moment and left an empty directory.
        with (directory / OUTPUT_FILE).open("rb") as output:
            fcntl.flock(output, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
