"""Runs one reader process: without credentials, in a directory of its own, and not for ever."""

import json
import logging
import signal
import subprocess
import sys
from pathlib import Path

from worker.imports.errors import ImportRefused
from worker.imports.limits import READER_CPU_S, READER_WALL_S
from worker.imports.options import ImportedModel
from worker.imports.result import RESULT_FILE, Checked, Result, Transcoded
from worker.reader_environment import reader_environment

logger = logging.getLogger(__name__)

_HDF5_VARIABLES = {
    "HDF5_PLUGIN_PRELOAD": "::",  # no filters from libraries that a file names
    "HDF5_USE_FILE_LOCKING": "FALSE",
}
_LONGEST_RESULT_BYTES = 32 * 2**20
_COMPLAINT_BYTES = 2000


def read_apart(path: Path, imported: ImportedModel, folder: Path) -> Transcoded | Checked:
    """Read a model in another process.

    Args:
        path: of the file.
        imported: what the client said about it.
        folder: new and empty; receives what the reader writes.

    Raises:
        ImportRefused: the file cannot be used, or reading it went beyond a limit.
    """
    result = _result_of(path, imported, folder)
    if result.refusal is not None:
        raise ImportRefused(result.refusal.message, result.refusal.hint)
    found = result.transcoded or result.checked
    if found is None:
        raise ImportRefused("The model could not be read.")
    return found


def _result_of(path: Path, imported: ImportedModel, folder: Path) -> Result:
    order = {
        "path": str(path.absolute()),
        "folder": str(folder.absolute()),
        "imported": imported.model_dump(mode="json"),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "worker.imports.reader"],
            input=json.dumps(order).encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=reader_environment(_HDF5_VARIABLES),
            timeout=READER_WALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ImportRefused(f"Reading the model took longer than {READER_WALL_S:g} s.") from error
    answer = folder / RESULT_FILE
    if done.returncode or not answer.is_file() or answer.stat().st_size > _LONGEST_RESULT_BYTES:
        raise _died(done.returncode, done.stderr)
    return Result.model_validate_json(answer.read_bytes())


def _died(status: int, complaint: bytes) -> ImportRefused:
    logger.warning("a reader ended with %d: %s", status, complaint[-_COMPLAINT_BYTES:].decode(errors="replace").strip())
    if status in {-signal.SIGXCPU, -signal.SIGKILL}:
        return ImportRefused(f"Reading the model took more than {READER_CPU_S} s of CPU time, or too much memory.")
    return ImportRefused("The model is damaged: the process that reads it died.")
