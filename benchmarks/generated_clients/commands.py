"""Runs the programs that generate, compile and use clients."""

import subprocess
import sys
import venv
from pathlib import Path

TIMEOUT_S = 1200.0


def run(*command: str) -> str:
    """Run a command, and return everything that it said; end with its message if it fails."""
    done = tried(*command)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def tried(*command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command that may fail."""
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)


def environment_with(folder: Path, *packages: str) -> Path:
    """Make an environment of Python with some packages, and return the directory of its programs."""
    venv.create(folder, with_pip=True)
    programs = folder / "bin"
    run(str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
    return programs
