"""What an installed package holds beside its Python files is what the source tree holds."""

import subprocess
import tomllib
from pathlib import Path, PurePath

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "service" / "client"
"""The client's project, for those who install it alone."""


def test_every_file_of_a_package_that_is_not_python_is_named_as_its_data() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    named = {path for package, globs in patterns.items() for glob in globs for path in _folder(package).glob(glob)}
    tracked = subprocess.run(
        ["git", "ls-files", "service", "worker", "model_store"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert {ROOT / path for path in tracked if not path.endswith(".py")} - {CLIENT / "pyproject.toml"} <= named


def test_the_bundle_of_the_page_is_part_of_the_package() -> None:
    """Git ignores the bundle, so the test above does not see its files."""
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["service"]
    for name in ("index.html", "index.html.gz", "page-ABCDEFGH.js", "style-ABCDEFGH.css.gz", "licences.txt"):
        assert any(PurePath("static", name).match(pattern) for pattern in patterns), name


def _folder(package: str) -> Path:
    """Where a package is: the client's is not below the others."""
    return (CLIENT if package == "convserve" else ROOT) / package.replace(".", "/")
