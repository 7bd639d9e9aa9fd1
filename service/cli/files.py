"""Files of the user: what cannot be read or written is one line, never a traceback."""

import os
from pathlib import Path

from service.cli.errors import CommandFailed


def read_file(path: Path) -> bytes:
    """The bytes of a file. Raises `CommandFailed` when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandFailed(f"cannot read {path}: {error.strerror}") from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file, in place of one that is there. Raises `CommandFailed` when it cannot be written."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise CommandFailed(f"cannot write {path}: {error.strerror}") from error


def make_directory(path: Path) -> None:
    """Make a directory and those above it, if it is not there. Raises `CommandFailed` when it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(f"cannot write {path}: {error.strerror}") from error


def require_writable(path: Path) -> None:
    """Check that a file can be written before long work for it begins. Raises `CommandFailed`."""
    directory = path.absolute().parent
    if not directory.is_dir():
        raise CommandFailed(f"cannot write {path}: there is no directory {directory}")
    if path.is_dir():
        raise CommandFailed(f"cannot write {path}: it is a directory")
    if not os.access(path if path.exists() else directory, os.W_OK):
        raise CommandFailed(f"cannot write {path}: permission denied")
