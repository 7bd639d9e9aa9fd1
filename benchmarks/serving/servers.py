"""Starts the servers that are measured, each alone, pinned on one core, and says how each wants to be asked."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from tests.running import free_port

START_LIMIT_S = 120.0
SERVER_CORE, CLIENT_CORE = 0, 1


@dataclass(frozen=True)
class Server:
    """How to start a server and what to ask it.

    Attributes:
        name: in the table.
        command: `{port}`, `{port 2}`, `{port 3}` and `{directory}` stand for what is chosen later.
        form_path: takes one picture or many as multipart.
        raw_path: takes one picture as the body; None: it has no such address.
        field: of the form.
        takes_many: whether a form may hold many pictures.
        takes_tensors: whether it speaks the Open Inference Protocol with binary tensors.
        environment: besides the usual one; with the same places.
    """

    name: str
    command: Sequence[str]
    form_path: str
    raw_path: str | None = None
    field: str = "file"
    takes_many: bool = True
    takes_tensors: bool = False
    environment: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Running:
    """A server under way: its port, the process, seconds from its start to its first answer."""

    port: int
    pid: int
    first_answer_s: float


def uvicorn(python: str, app: str) -> list[str]:
    """The command for an ASGI application, without a line of log per request."""
    quiet = ["--no-access-log", "--log-level", "warning"]
    return [python, "-m", "uvicorn", "--factory", app, "--port", "{port}", *quiet]


CONVSERVE = Server(
    "convserve",
    [sys.executable, "-m", "service.cli", "api", "--port", "{port}"],
    "/models/cnn/predict",
    "/models/cnn/predict",
    takes_tensors=True,
    environment={"CONVSERVE_STORE_URL": "file://{directory}/store", "CONVSERVE_LOG_LEVEL": "warning"},
)


def checkout(directory: Path) -> Server:
    """Convserve as it is in another directory, for figures before and after a change in one run."""
    environment = {**(CONVSERVE.environment or {}), "PYTHONPATH": str(directory.resolve())}
    command = [sys.executable, "-P", *CONVSERVE.command[1:]]  # without the current directory's packages
    return replace(CONVSERVE, name="convserve before", command=command, environment=environment)


NOOP = Server("no-op FastAPI", uvicorn(sys.executable, "benchmarks.serving.noop:create_app"), "/form", "/raw")
NAIVE: Mapping[str, Server] = {
    "onnxruntime": Server(
        "FastAPI + ONNX Runtime",
        uvicorn(sys.executable, "benchmarks.serving.naive:with_onnxruntime"),
        "/form",
        "/raw",
    ),
    "predict": Server(
        "FastAPI + model.predict",
        uvicorn(sys.executable, "benchmarks.serving.naive:with_model_predict"),
        "/form",
        "/raw",
        takes_many=False,  # not one request with 64 pictures is answered in the time
    ),
}
"""What somebody writes in ten minutes, by the name that `--against` takes."""


@contextmanager
def running(
    server: Server, directory: Path, request: bytes, priority: Sequence[str], cores: str = str(SERVER_CORE)
) -> Iterator[Running]:
    """Start a server, wait for its first answer to `request`, and stop it in the end.

    Args:
        server: what to start.
        directory: holds the model's files and the store.
        request: a whole HTTP request.
        priority: put before the command, such as `nice -n -20`; may be empty.
        cores: on which it may run, as `taskset` takes them.
    """
    port = free_port()
    more_ports = {f"{{port {number}}}": str(free_port()) for number in (2, 3)}
    places = {"{port}": str(port), "{directory}": str(directory.resolve()), **more_ports}
    command = [_placed(part, places) for part in server.command]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONVSERVE_")}
    environment |= {"PYTHONPATH": str(Path.cwd()), "MODEL_DIRECTORY": str(directory.resolve())}
    environment |= {name: _placed(value, places) for name, value in (server.environment or {}).items()}
    began_at = time.monotonic()
    process = subprocess.Popen(
        [*priority, "taskset", "-c", cores, *command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for_answer(process, port, request, began_at)
        yield Running(port, process.pid, time.monotonic() - began_at)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with suppress(ProcessLookupError):  # a server's own children outlive it sometimes, and would be measured along
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def pss_mb(pid: int) -> float:
    """Proportional set size of a process and its descendants, in MB: a library that others map, too, counts less."""
    return _memory_mb(pid, "Pss")


def anonymous_mb(pid: int) -> float:
    """Memory of a process and its descendants that is no file's, in MB; other programs do not change it."""
    return _memory_mb(pid, "Anonymous")


def _memory_mb(pid: int, kind: str) -> float:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # it has just ended
    match = re.search(rf"^{kind}:\s+(\d+) kB", rollup, re.MULTILINE)
    children = [child for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]
    assert match is not None
    return int(match.group(1)) / 1024 + sum(_memory_mb(int(child), kind) for child in children)


def _wait_for_answer(process: subprocess.Popen[bytes], port: int, request: bytes, began_at: float) -> None:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    while time.monotonic() - began_at < START_LIMIT_S:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode} before it answered")
        try:
            answer = httpx.post(f"http://127.0.0.1:{port}{first.split()[1]}", content=body, headers=headers, timeout=30)
            if answer.status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise RuntimeError("the server did not answer in time")


def _placed(text: str, places: Mapping[str, str]) -> str:
    for name, value in places.items():
        text = text.replace(name, value)
    return text
