"""Files of a version are named in one module, so that the trainer and the API cannot disagree."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker import artifacts

pytestmark = pytest.mark.contract

ROOT = Path(__file__).parents[2]
FILES = {value for name, value in vars(artifacts).items() if name.endswith(("_FILE", "_PICTURE"))}


def texts(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def test_no_other_module_writes_the_name_of_a_file_itself() -> None:
    assert len(FILES) == 23
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("service", "worker")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "artifacts.py"
        for line, text in texts(path.read_text())
        if text.rsplit("/", 1)[-1] in FILES
    ]
    assert found == [], "take the name from worker.artifacts"
