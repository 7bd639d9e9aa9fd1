"""Directories for uploads under way: gone when their use ends, or, after a kill, when the next process looks.

Each holds a locked file for as long as its process lives; the kernel lets go of the lock when the process ends,
however it ends. Several API processes may share the place.
"""

import fcntl
import logging
import secrets
import shutil
import time
from pathlib import Path

logger = logging.getLogger(__name__)

LOCK_FILE = "lock"


class Scratch:
    """One directory of an upload's own.

    Attributes:
        id: its name; ids sort by time.
        path: where it is.
    """

    def __init__(self, parent: Path) -> None:
        self.id = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        self.path = parent / self.id
        self.path.mkdir(parents=True, mode=0o700)
        self._lock = (self.path / LOCK_FILE).open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    @property
    def archive(self) -> Path:
        """The file that is received."""
        return self.path / "upload.zip"

    @property
    def result(self) -> Path:
        """Directory of what is made of it."""
        return self.path / "result"

    def remove(self) -> None:
        """Delete the directory and everything in it; harmless when it is gone."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def sweep(parent: Path) -> int:
    """Remove the directories of processes that have ended, and say how many they were."""
    return sum(_remove_if_dead(folder) for folder in sorted(parent.glob("*-*"))) if parent.is_dir() else 0


def _remove_if_dead(folder: Path) -> bool:
    try:
        with (folder / LOCK_FILE).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return False  # in use, just being made, or somebody else's
    logger.info("removed what an interrupted upload left")
    return True
