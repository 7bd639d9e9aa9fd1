"""What keeps the layout: few files at each top, short modules, no import cycle, folders that say what they hold."""

import ast
import re
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

from tests.paths import PROJECT

PACKAGES = ("service", "worker", "model_store")
MODULES = [path for package in PACKAGES for path in sorted((PROJECT / package).rglob("*.py"))]
FOLDERS = [path for path in MODULES if path.name == "__init__.py"]
FILES_AT_THE_TOP = 9
LINES_OF_A_MODULE = 300
ASSERTIONS = 10
NEGATION = re.compile(r"\b(not|no|nothing|never|neither|none|without)\b", re.IGNORECASE)


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@pytest.mark.parametrize("package", ["service", "worker"])
def test_few_files_are_at_the_top_of_a_package(package: str) -> None:
    files = [path.name for path in (PROJECT / package).glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= FILES_AT_THE_TOP, files


def test_no_module_is_longer_than_300_lines() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > LINES_OF_A_MODULE} == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    imports: dict[str, set[str]] = defaultdict(set)
    for module in graph.modules:
        imports[module] = graph.find_modules_directly_imported_by(module)
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_a_folder_says_what_it_holds_and_what_it_does_not(folder: Path) -> None:
    text = ast.get_docstring(ast.parse(folder.read_text())) or ""
    holds, _, does_not = text.partition("\n\n")
    assert holds.endswith((".", ":")), "the first paragraph says what lives here"
    assert NEGATION.search(does_not), "the second paragraph says what does not live here"


def test_there_are_fewer_than_ten_assertions() -> None:
    """Where a value can be missing, its type says so, or an error does."""
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert)
    ]
    assert len(found) < ASSERTIONS, found


def test_every_test_module_has_a_name_of_its_own() -> None:
    """Pytest imports test modules by their file names alone: two of one name cannot be collected together."""
    names = [path.name for path in (PROJECT / "tests").rglob("test_*.py")]
    assert {name for name in names if names.count(name) > 1} == set()
