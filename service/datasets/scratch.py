"""Directories for uploads under way, removed after use, or, after a kill, by the next process that sweeps.

Each contains a file that its process keeps locked; the kernel releases the lock when the process ends, however it
ends. Several API processes may share the parent directory.
"""

import fcntl
import logging
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import IO

from worker.datasets.upload.messages import Base

logger = logging.getLogger(__name__)

LOCK_FILE = "lock"


class Scratch:
    """The directory of one upload.

    Attributes:
        id: its name; ids sort by time.
        path: of the directory.
        base: pictures of another dataset in the directory, with which a new one begins; as a rule there are none.
    """

    def __init__(self, parent: Path) -> None:
        self.path, self._lock = _made(parent)
        self.id = self.path.name
        self.base: Base | None = None

    @property
    def archive(self) -> Path:
        """The received file."""
        return self.path / "upload.zip"

    @property
    def result(self) -> Path:
        """Directory of the conversion's output."""
        return self.path / "result"

    def remove(self) -> None:
        """Delete the directory and everything in it; does nothing when it is already gone."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _made(parent: Path) -> tuple[Path, IO[bytes]]:
    """A new directory and its locked file."""
    while True:
        path = parent / f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        path.mkdir(parents=True, mode=0o700)
        lock = (path / LOCK_FILE).open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX)  # waits for a sweep that came first, and has then removed the directory
        if os.fstat(lock.fileno()).st_nlink:
            return path, lock
        lock.close()


def sweep(parent: Path) -> int:
    """Remove the directories of processes that have ended, and return how many there were."""
    return sum(_remove_if_dead(folder) for folder in sorted(parent.glob("*-*"))) if parent.is_dir() else 0


def _remove_if_dead(folder: Path) -> bool:
    try:
        with (folder / LOCK_FILE).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return False  # in use, just being made, or not one of ours
    logger.info("removed the leftovers of an interrupted upload")
    return True
