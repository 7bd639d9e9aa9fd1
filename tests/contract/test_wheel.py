"""The wheel that this tree makes: every file of the packages, and the metadata by which it is installed."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.paths import PROJECT
from tests.wheel_contents import packages_of, problems


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made of a copy, so that no leftover of an earlier build gets into it, and none stays here."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    for name in ("service", "worker", "model_store"):
        shutil.copytree(PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index")
    subprocess.run([*pip, "-w", str(target), str(source)], check=True, timeout=600)
    (made,) = target.glob("convserve-*-py3-none-any.whl")
    return made


def test_a_wheel_has_every_file_and_can_be_installed_by_what_people_do(wheel: Path) -> None:
    assert problems(wheel, needs_page=(PROJECT / "service" / "static" / "index.html").exists()) == []


def test_what_a_wheel_lacks_is_named(wheel: Path, tmp_path: Path) -> None:
    poor = tmp_path / wheel.name
    with zipfile.ZipFile(wheel) as whole, zipfile.ZipFile(poor, "w") as copy:
        for name in whole.namelist():
            if not name.endswith("claim.lua") and "static/" not in name:
                copy.writestr(name, whole.read(name))
        copy.writestr("tests/secret.py", "")
    assert problems(poor, needs_page=True) == [
        "worker/job_store/claim.lua is missing",
        "tests/secret.py does not belong there",
        "the page is missing: run make page first",
    ]


def test_the_extras_have_names_of_what_people_do_besides_those_of_our_parts() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    names = {"serve": "api", "train": "worker", "up": "embedded", "photos": "pretrained", "tables": "parquet"}
    for new, old in (names | {"traces": "otel"}).items():
        assert packages_of(project, {new}) == packages_of(project, {old})


def test_the_interpreters_that_are_named_are_those_that_are_allowed() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
    makefile = (PROJECT / "Makefile").read_text()
    assert all(f"python3.{minor}" in makefile for minor in (11, 12, 13))
