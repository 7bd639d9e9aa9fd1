"""The data directory of a stack: created, checked for write access, and locked against a second instance.

The lock is a kernel lock (`flock`), so it is released when its holders end, no matter how. The private server inherits
it: while an old server still writes, no new one can start on the same files.
"""

import contextlib
import fcntl
import os
import shutil
import stat
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from service.cli.errors import CommandFailed

LOCK_FILE = "convserve.lock"
LINGER_S = 3.0  # how long processes of a killed instance may take to end
RUNTIME_PREFIX = "convserve-run-"


class DataDirectory:
    """A data directory that this process owns while the `with` block lasts.

    Raises:
        CommandFailed: on entering, if the directory is not writable or another instance uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.lock = -1

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(parents=True, exist_ok=True)  # with the mode that the umask leaves; see CONVSERVE_UMASK
            self.lock = os.open(self.path / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CommandFailed(
                f"cannot write to the data directory {self.path}: {error.strerror}",
                "Choose another with --data-dir or CONVSERVE_DATA_DIR.",
            ) from error
        try:
            self._claim()
        except BaseException:
            os.close(self.lock)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        os.ftruncate(self.lock, 0)
        os.close(self.lock)

    def note_runtime_directory(self, directory: Path) -> None:
        """Record where temporary files are, so that the next instance can remove them after a kill."""
        _write(self.lock, f"{os.getpid()}\n{directory}\n")

    def _claim(self) -> None:
        deadline = time.monotonic() + LINGER_S
        while not _try_lock(self.lock):
            holder, _ = _read(self.lock)
            if _is_running(holder) or time.monotonic() > deadline:
                raise CommandFailed(
                    f"another convserve (process {holder}) is using the data directory {self.path}; "
                    "stop it, or choose another directory with --data-dir or CONVSERVE_DATA_DIR"
                )
            time.sleep(0.05)
        _, runtime = _read(self.lock)
        if runtime:
            remove_left_behind(Path(runtime))
        _write(self.lock, f"{os.getpid()}\n")


def runtime_directory_of(path: Path) -> Path | None:
    """The runtime directory of the instance that is using a data directory; None if none is."""
    try:
        descriptor = os.open(path / LOCK_FILE, os.O_RDWR)
    except OSError:
        return None  # there never was one
    try:
        if _try_lock(descriptor):
            return None
        _, runtime = _read(descriptor)
        return Path(runtime) if runtime else None
    finally:
        os.close(descriptor)


def remove_left_behind(runtime_dir: Path) -> None:
    """Remove the runtime directory of a killed instance, if it clearly is one."""
    with contextlib.suppress(OSError):
        facts = runtime_dir.lstat()
        is_one = runtime_dir.name.startswith(RUNTIME_PREFIX) and stat.filemode(facts.st_mode) == "drwx------"
        if is_one and facts.st_uid == os.getuid():
            shutil.rmtree(runtime_dir)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise CommandFailed(f"cannot lock the data directory: {error.strerror}") from error
    return True


def _read(lock: int) -> tuple[int, str]:
    """The holder's process id (0 when unknown) and its runtime directory."""
    lines = os.pread(lock, 4096, 0).decode(errors="replace").splitlines()
    pid = int(lines[0]) if lines and lines[0].isdigit() else 0
    return pid, lines[1] if len(lines) > 1 else ""


def _write(lock: int, text: str) -> None:
    os.ftruncate(lock, 0)
    os.pwrite(lock, text.encode(), 0)


def _is_running(pid: int) -> bool:
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
