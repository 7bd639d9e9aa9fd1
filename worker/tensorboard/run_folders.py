"""The folder of runs that TensorBoard watches: one folder for each job, which grows while the job trains."""

import logging
import time
from pathlib import Path

from worker.jobs.records import History, Progress
from worker.tensorboard.event_files import PREFIX, THROUGHPUT, beginning, curves_of, scalars

logger = logging.getLogger(__name__)

MOST_RUNS = 1000
"""Folders that stay, the newest ones: a worker runs for years, and each takes at least 8 KB of disk."""


class RunFolder:
    """The event file of one attempt at a job. What cannot be written is left out: a training never fails for it.

    Args:
        runs: the folder of all runs, which is made if it is missing; None to write nothing.
        name: of the run, as TensorBoard shows it.
    """

    def __init__(self, runs: Path | None, name: str) -> None:
        self._runs = runs
        self._name = name
        self._file: Path | None = None
        self._written = 0

    def note(self, progress: Progress, history: History | None) -> None:
        """Write the epochs that have ended since the last call."""
        if self._runs is None or history is None or len(history.loss) <= self._written:
            return
        try:
            self._append(self._runs, progress, history)
        except OSError as error:
            logger.warning("no event files for TensorBoard of %s: %s", self._name, error)
            self._runs = None

    def _append(self, runs: Path, progress: Progress, history: History) -> None:
        now, n_epochs = time.time(), len(history.loss)
        records = []
        if self._file is None:
            self._file = _new_file(runs, self._name, now)
            records.append(beginning(now))
        for number in range(self._written + 1, n_epochs + 1):
            values = curves_of(history.epoch(number))
            if number == n_epochs and progress.images_per_second is not None:
                values[THROUGHPUT] = progress.images_per_second
            records.append(scalars(now, number, values))
        with self._file.open("ab") as file:
            file.write(b"".join(records))
        self._written = n_epochs


NO_FOLDER = RunFolder(None, "")


def _new_file(runs: Path, name: str, now: float) -> Path:
    """The file of this attempt, alone in its folder: the history repeats what an earlier attempt has written."""
    folder = runs / name
    folder.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    _drop_oldest(runs, MOST_RUNS)
    return folder / f"{PREFIX}{now:.0f}.convserve"


def _drop_oldest(runs: Path, most: int) -> None:
    folders = sorted((folder for folder in runs.iterdir() if folder.is_dir()), key=lambda each: each.stat().st_mtime)
    for folder in folders[: max(0, len(folders) - most)]:
        _clear(folder)
        if not any(folder.iterdir()):
            folder.rmdir()


def _clear(folder: Path) -> None:
    for file in folder.glob(f"{PREFIX}*"):
        file.unlink(missing_ok=True)
