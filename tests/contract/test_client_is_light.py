"""The Python client brings nothing of the server: it imports httpx and the standard library."""

import os
import subprocess
import sys
import tomllib

from tests.paths import PROJECT

CLIENT = PROJECT / "service" / "client"
PROGRAM = """
import sys
import httpx
before = set(sys.modules)
import convserve
added = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(added - set(sys.stdlib_module_names)))
"""


def test_it_imports_httpx_and_itself() -> None:
    environment = {**os.environ, "PYTHONPATH": str(CLIENT)}
    found = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['convserve']"


def test_alone_it_needs_httpx_and_has_the_version_of_the_whole() -> None:
    alone = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]
    whole = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert [each.partition(">")[0] for each in alone["dependencies"]] == ["httpx"]
    assert alone["version"] == whole["version"]
