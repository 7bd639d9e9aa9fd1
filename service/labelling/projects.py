"""What is kept of Label Studio's projects, in the data directory: how they ask, and every annotated picture.

One directory per project: `project.json`, and for each task its label (`<task>.json`) and picture (`<task>.picture`).
Several annotators may work on a project at once, and several API processes receive what they do: every change takes
the lock of the file `lock` beside the projects.
"""

import fcntl
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, Field

from model_store.manifest import LOCAL_OWNER
from service.errors import CallRejected
from service.keys.callers import Caller
from service.keys.ownership import require_owner
from worker.jobs.request import ModelName

PROJECTS_DIRECTORY = "label-studio"
"""Of all projects, inside the data directory."""
MAX_PROJECTS = 200
MAX_TASKS = 20_000
"""Annotated pictures of one project."""
MAX_LABEL = 100


class Project(BaseModel, defer_build=True):
    """One project.

    Attributes:
        id: in Label Studio.
        label_config: its XML.
        model: that makes suggestions, and gets a version with each training.
        architecture: of the first training; later ones continue from the version before.
        epochs: of a training.
        untrained: annotations since the last training.
        datasets: that were made of it, the oldest first.
        owner: name of the first key that changed it; `local` before that, when every key may.
    """

    id: int
    owner: str = LOCAL_OWNER
    label_config: str = ""
    model: ModelName
    architecture: str = "fast"
    epochs: int = Field(default=15, ge=1, le=200)
    untrained: int = 0
    datasets: list[str] = []


def owned(project: Project, caller: Caller) -> Project:
    """The project as the caller may change it: it gets an owner if it has none. Raises `NotOwner`."""
    if project.owner == LOCAL_OWNER:
        return project.model_copy(update={"owner": caller.name})
    require_owner(caller, project.owner, f"Label Studio project {project.id}")
    return project


class Projects:
    """All projects that this machine knows.

    Args:
        directory: for their files; made when it is needed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, project_id: int) -> Project:
        """A project; a new one with defaults if it is not known."""
        try:
            return Project.model_validate_json(self._file(project_id).read_bytes())
        except FileNotFoundError:
            return Project(id=project_id, model=f"label-studio-{project_id}")

    def change(self, project_id: int, changed: Callable[[Project], Project]) -> Project:
        """Keep what `changed` makes of a project, and return it; no other change of the project comes in between.

        Raises:
            CallRejected: there are too many projects.
            Exception: whatever `changed` raises; then the project stays as it is.
        """
        file = self._file(project_id)
        with self._alone():
            project = changed(self.get(project_id))
            if not file.exists():
                if sum(1 for found in self._directory.iterdir() if found.is_dir()) >= MAX_PROJECTS:
                    raise CallRejected(f"there are too many projects; expected at most {MAX_PROJECTS}")
                file.parent.mkdir(exist_ok=True)
            _write(file, project.model_dump_json().encode())
        return project

    def annotate(self, project: Project, task: int, label: str, picture: bytes) -> bool:
        """Keep an annotated picture; whether this changed anything. Raises `CallRejected` when there are too many."""
        folder = self._file(project.id).parent
        note = folder / f"{task}.json"
        content = json.dumps({"label": label[:MAX_LABEL]}).encode()
        with self._alone():
            if note.exists():
                if note.read_bytes() == content:
                    return False
            elif len(list(folder.glob("*.picture"))) >= MAX_TASKS:
                raise CallRejected(f"the project has too many annotations; expected at most {MAX_TASKS}")
            _write(folder / f"{task}.picture", picture)
            _write(note, content)
        return True

    def forget(self, project: Project, task: int) -> bool:
        """Drop an annotated picture; whether there was one."""
        folder = self._file(project.id).parent
        is_known = (folder / f"{task}.json").exists()
        (folder / f"{task}.json").unlink(missing_ok=True)
        (folder / f"{task}.picture").unlink(missing_ok=True)
        return is_known

    def write_archive(self, project: Project, file: BinaryIO) -> dict[str, int]:
        """Write a zip with a folder for each label; returns how many pictures each label has."""
        counts: dict[str, int] = {}
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for note in sorted(self._file(project.id).parent.glob("[0-9]*.json")):
                label = folder_name(json.loads(note.read_bytes())["label"])
                archive.writestr(f"{label}/{note.stem}", note.with_suffix(".picture").read_bytes())
                counts[label] = counts.get(label, 0) + 1
        return counts

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other thread, and no other process, changes a project."""
        self._directory.mkdir(parents=True, exist_ok=True)
        with (self._directory / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # closing the file releases it
            yield

    def _file(self, project_id: int) -> Path:
        return self._directory / str(int(project_id)) / "project.json"


def folder_name(label: str) -> str:
    """A label as the name of a folder, and so of a class."""
    return "".join("-" if character in "/\\\0" else character for character in label).strip(". ") or "-"


def _write(file: Path, content: bytes) -> None:
    """Replace a file as a whole; only while the projects are locked."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.write_bytes(content)
    part.replace(file)
