"""What holds of a command before it does anything: what it imports, and what it says when a package is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import PROJECT

WITHOUT_THE_EXTRA = """
import sys
sys.modules["opentelemetry.sdk"] = None
from service.cli import main
main(sys.argv[1:])
"""
ENDING_WITH_ROWS = """
import sys
from service.cli import commands, main

def write_rows(**_):
    sys.stdout.write("rows")
    sys.exit(int(sys.argv[1]))

commands.app = write_rows
main()
"""


@pytest.mark.parametrize("subcommand", ["up", "api", "worker"])
def test_traces_without_the_packages_for_them_are_refused_in_one_line(subcommand: str) -> None:
    refused = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA, subcommand],
        env=os.environ | {"CONVSERVE_OTEL_ENDPOINT": "http://127.0.0.1:4318", "CONVSERVE_PORT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert refused.stderr == (
        "convserve: CONVSERVE_OTEL_ENDPOINT asks for traces, which need the extra `otel`; the module "
        "opentelemetry.sdk.trace is missing: pip install 'convserve[otel]', or unset the variable\n"
    )


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("service.cli.commands", {"uvicorn", "fastapi", "celery", "httpx", "pydantic"}),
        ("service.cli.worker", {"fastapi", "uvicorn", "onnxruntime", "service.app"}),
    ],
)
def test_a_command_imports_only_what_it_needs(module: str, absent: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PROJECT)
    assert not absent & set(done.stdout.split())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("arguments", [["--help"], ["jobs", "--help"], ["--version"]])
def test_an_output_without_room_is_said_in_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "service.cli", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == "convserve: cannot write the output: No space left on device\n"


@pytest.mark.parametrize("code", [0, 3])
def test_a_reader_that_has_enough_does_not_change_how_a_command_ends(code: int) -> None:
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", ENDING_WITH_ROWS, str(code)]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(command, env=buffered, stdout=writer, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (code, b"")
