"""`unit` means no sleep, process, wall clock or Keras: read from the source; `tests/unit/conftest.py` refuses more."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import PROJECT

PROCESSES = {"subprocess", "multiprocessing", "concurrent.futures.process", "socketserver", "http.server"}
CLOCKS = {"time", "monotonic", "perf_counter", "time_ns", "monotonic_ns", "perf_counter_ns"}
CURE = {
    "process": "starts a process or a server: move the test to tests/integration",
    "clock": "reads a wall clock: hand in a clock, count operations, or use tests/cpu_time.py",
    "sleep": "sleeps: wait for an event, or give the loop turns (tests/event_loop.py)",
}


def faults(source: str) -> Iterator[tuple[int, str]]:
    """Line and fault of whatever a unit test must not do."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((node.lineno, fault) for fault in _imported(node))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from ((node.lineno, fault) for fault in _called(node, node.func))


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom) and node.module == "time":
        yield from (
            "sleep" if name.name == "sleep" else "clock" for name in node.names if name.name in CLOCKS | {"sleep"}
        )
    modules = {node.module} if isinstance(node, ast.ImportFrom) else {name.name for name in node.names}
    if modules & PROCESSES:
        yield "process"


def _called(node: ast.Call, function: ast.Attribute) -> Iterator[str]:
    owner = function.value.id if isinstance(function.value, ast.Name) else ""
    if owner == "time" and function.attr in CLOCKS:
        yield "clock"
    if function.attr == "sleep" and owner in {"time", "asyncio", "anyio"} and not _is_one_turn(node):
        yield "sleep"


def _is_one_turn(node: ast.Call) -> bool:
    return bool(node.args) and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0


@pytest.mark.parametrize("path", sorted((PROJECT / "tests" / "unit").rglob("*.py")), ids=lambda path: path.stem)
def test_a_unit_test_needs_no_process_no_clock_and_no_sleep(path: Path) -> None:
    found = [f"{path.relative_to(PROJECT)}:{line} {CURE[fault]}" for line, fault in faults(path.read_text())]
    if path == PROJECT / "tests" / "unit" / "conftest.py":  # it forbids processes, so it names them
        found = [line for line in found if CURE["process"] not in line]
    assert not found, "\n".join(found)


def test_no_unit_test_imports_keras() -> None:
    """With TensorFlow, its import takes every process of `make check` five seconds and more of processor time."""
    below = {_module(path): _imports(path) for root in ("worker/training", "tests") for path in _sources(root)}
    slow = {"keras", "tensorflow", *(name for name, imports in below.items() if "keras" in imports)}
    while more := {name for name, imports in below.items() if imports & slow} - slow:
        slow |= more
    assert not sorted(name for name in slow if name.startswith("tests.unit."))


def _sources(root: str) -> list[Path]:
    return sorted((PROJECT / root).rglob("*.py"))


def _module(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path) -> set[str]:
    """Modules that this one imports when it is imported; of packages, those that are named."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import subprocess", ["process"]),
        ("from multiprocessing import Process", ["process"]),
        ("import http.server", ["process"]),
        ("from time import monotonic, sleep", ["clock", "sleep"]),
        ("began = time.monotonic()", ["clock"]),
        ("assert time.perf_counter() - began < 1", ["clock"]),
        ("time.sleep(0.1)", ["sleep"]),
        ("await asyncio.sleep(delay_s)", ["sleep"]),
        ("await asyncio.sleep(0.01)", ["sleep"]),
        ("await asyncio.sleep(0)", []),
        ("await asyncio.sleep(0, 'answer')", []),
        ("time.process_time()", []),
        ("JobFollower(client, job, sleep=lambda _: None)", []),
    ],
)
def test_what_is_found_in_a_source(source: str, found: list[str]) -> None:
    assert [fault for _, fault in faults(source)] == found
