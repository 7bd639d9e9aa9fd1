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
    while True:
        directory = Path(tempfile.mkdtemp(prefix=PREFIX))
        output = (directory / OUTPUT_FILE).open("w+b")
        fcntl.flock(output, fcntl.LOCK_SH)  # waits for a sweep that came first, and has then removed the directory
        if os.fstat(output.fileno()).st_nlink:
            return directory, output
        output.close()


def sweep_work_dirs() -> int:
    """Remove the directories of this user whose worker and trainer are gone, and say how many."""
    return sum(_remove_if_abandoned(path) for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))


def _remove_if_abandoned(directory: Path) -> bool:
    try:
        if directory.lstat().st_uid != os.getuid():
            return False
        # Without the file, its owner is just creating it, or was killed at that moment and left an empty directory.
        with (directory / OUTPUT_FILE).open("rb") as output:
            fcntl.flock(output, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)  # while it is locked: its owner may be about to lock it
    except OSError:
        return False
    return True
