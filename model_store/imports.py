"""Uploaded models that wait for their job: one file for each job, removed when the job is over.

    imports/<job>/model

A file is written whole before its job is queued. This module does not know what the file means.
"""

from collections.abc import Callable
from pathlib import Path

from model_store.idle_jobs import idle_jobs
from model_store.names import check_job
from model_store.objects import Objects

ROOT = "imports/"


class ImportStore:
    """The store's uploaded models. Every call blocks; any thread or process may call."""

    def __init__(self, objects: Objects, require_free_space: Callable[[int], None]) -> None:
        self._objects = objects
        self._require_free_space = require_free_space

    def put(self, job: str, file: Path) -> None:
        """Store the file of a job.

        Raises:
            StoreFull: the file would not leave enough free space.
            StoreUnavailable: the storage refuses.
        """
        self._require_free_space(file.stat().st_size)
        self._objects.put(_path(job), file)

    def fetch(self, job: str, to: Path) -> None:
        """Copy the file of a job to a new local file.

        Raises:
            FileNotFoundError: there is none.
            StoreUnavailable: the storage does not answer.
        """
        opened = self._objects.open(_path(job))
        with to.open("xb") as file:
            for chunk in opened.chunks:
                file.write(chunk)

    def delete(self, job: str) -> None:
        """Remove the file of a job, if there is one."""
        self._objects.delete([_path(job)])

    def idle_jobs(self, older_than_s: float) -> list[str]:
        """Jobs whose file was stored longer ago than this, ascending."""
        return idle_jobs(self._objects.list(ROOT), older_than_s)


def _path(job: str) -> str:
    check_job(job)
    return f"{ROOT}{job}/model"
