"""What a wheel must hold: every file of the packages, nothing else, and the metadata by which it is installed.

python -m tests.wheel_contents dist/convserve-0.1.0-py3-none-any.whl
"""

import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

from packaging.requirements import Requirement

from tests.paths import PROJECT

PACKAGES = ("service", "worker", "model_store")
CLIENT = "service/client/"
NOT_INSTALLED = (f"{CLIENT}pyproject.toml",)
NOT_IN_ALL = {"gpu", "dev", "all"}
"""Extras that `all` leaves out: CUDA's libraries have 3 GB."""


def problems(wheel: Path, *, needs_page: bool) -> list[str]:
    """What is wrong with a wheel, in words; nothing if it is fit to be published.

    Args:
        wheel: the file.
        needs_page: the bundle of the web page must be inside.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(about))
        entry_points = archive.read(about.replace("METADATA", "entry_points.txt")).decode()
    held = {name for name in names if ".dist-info/" not in name}
    expected = {_installed(path) for path in _files()}
    found = [f"{name} is missing" for name in sorted(expected - held)]
    page = {name for name in held if name.startswith("service/static/")}
    found += [f"{name} does not belong there" for name in sorted(held - expected - page)]
    if needs_page and "service/static/index.html" not in page:
        found.append("the page is missing: run make page first")
    if "convserve = service.cli:main" not in entry_points:
        found.append("the command convserve is missing")
    return found + _problems_of(metadata)


def _problems_of(metadata: Message) -> list[str]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    found = [
        f"{field} is {metadata[field]!r}, not {value!r}"
        for field, value in (("Name", project["name"]), ("Version", project["version"]))
        if metadata[field] != value
    ]
    if not metadata["Requires-Python"] or not metadata.get_payload():
        found.append("Requires-Python or the description is missing")
    extras = set(metadata.get_all("Provides-Extra", []))
    if extras != set(project["optional-dependencies"]):
        found.append(f"the extras are {sorted(extras)}")
    left_out = packages_of(project, extras - NOT_IN_ALL) - packages_of(project, {"all"})
    return found + [f"the extra `all` lacks {name}" for name in sorted(left_out)]


def packages_of(project: dict[str, dict[str, list[str]]], extras: set[str]) -> set[str]:
    """Names of the packages that these extras bring, those of extras that they name included."""
    found = set()
    for extra in extras:
        for text in project["optional-dependencies"][extra]:
            requirement = Requirement(text)
            if requirement.name == str(project["name"]):
                found |= packages_of(project, set(requirement.extras))
            else:
                found.add(requirement.name)
    return found


def _files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PACKAGES],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for path in listed.stdout.split("\n") if path and path not in NOT_INSTALLED]


def _installed(path: str) -> str:
    """The client is a package of its own beside the others."""
    return path.removeprefix(CLIENT)


if __name__ == "__main__":
    complaints = [f"{name}: {problem}" for name in sys.argv[1:] for problem in problems(Path(name), needs_page=True)]
    sys.stderr.writelines(f"{complaint}\n" for complaint in complaints)
    sys.exit(bool(complaints))
