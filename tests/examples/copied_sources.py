"""A copy of the program to which an example adds something, by the very steps that CONTRIBUTING.md names."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.busy_machine import PATIENCE_S
from tests.paths import PROJECT

PACKAGES = ("service", "worker", "model_store", "openapi")


class CopiedSources:
    """The program's sources in a directory of their own.

    Args:
        directory: where to put them.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        for package in PACKAGES:
            shutil.copytree(PROJECT / package, directory / package, ignore=shutil.ignore_patterns("__pycache__"))

    def add_file(self, path: str, source: Path) -> None:
        """Add a new file."""
        target = self._directory / path
        assert not target.exists(), f"{path} exists already; let the example add another file"
        shutil.copyfile(source, target)

    def insert(self, path: str, after: str, text: str) -> None:
        """Insert text into a file, after the one place where `after` stands."""
        file = self._directory / path
        before = file.read_text()
        assert before.count(after) == 1, (
            f"{path} has changed: {after!r} stands there {before.count(after)} times, expected once; "
            "mend the example, and CONTRIBUTING.md if the steps have changed"
        )
        file.write_text(before.replace(after, after + text))

    def run(self, program: str, *arguments: str) -> str:
        """Run a Python program on the changed sources; what it printed."""
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env=os.environ | {"PYTHONPATH": f"{self._directory}{os.pathsep}{PROJECT}"},
            cwd=self._directory,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
