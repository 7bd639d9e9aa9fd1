"""Directories that appear whole: written under another name, then renamed. Several processes may write the same one."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

_PREFIX = ".staged-"
KILLED_S = 24 * 3600.0
"""An incomplete directory of this age belongs to a process that was killed."""


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """An empty directory that becomes `folder` at the end of the block, and is deleted if the block fails.

    A `folder` that another process made first is kept.

    Raises:
        OSError: it cannot be made or renamed.
    """
    temporary = folder.parent / f"{_PREFIX}{uuid4().hex}"
    temporary.mkdir()  # not `mkdtemp`, whose mode ignores the umask: processes of different users may share the copies
    try:
        yield temporary
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def is_staged(folder: Path) -> bool:
    """Whether a directory is not complete."""
    return folder.name.startswith(_PREFIX)


def is_abandoned(folder: Path) -> bool:
    """Whether a directory that is not complete was left by a process that was killed. Raises `FileNotFoundError`."""
    return folder.stat().st_mtime < time.time() - KILLED_S
