"""`make hosts` where namespaces are not allowed, and the parts of it that need none."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from benchmarks.hosts.balancer import FALL, Balancer, Server
from benchmarks.hosts.namespaces import NOT_POSSIBLE, TOOLS, obstacle
from tests.busy_machine import wait_until
from tests.paths import PROJECT
from tests.promises.processes import is_gone
from tests.running import free_port


def run_with_tools(directory: Path, **tools: str) -> subprocess.CompletedProcess[str]:
    for name, script in tools.items():
        (directory / name).write_text(f"#!/bin/sh\n{script}\n")
        (directory / name).chmod(0o755)
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.hosts"],
        env={"PATH": str(directory), "PYTHONPATH": str(PROJECT)},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_hosts_are_refused_in_words_where_namespaces_are_not_allowed(tmp_path: Path) -> None:
    refused = "echo 'unshare: unshare failed: Operation not permitted' >&2; exit 1"
    found = run_with_tools(tmp_path, ip="", nsenter="", unshare=refused)

    assert found.returncode == NOT_POSSIBLE == 77
    assert found.stderr == (
        "Hosts cannot be made here: new namespaces are not allowed here "
        "(unshare: unshare failed: Operation not permitted). Nothing was tried.\n"
    )


def test_hosts_are_refused_in_words_where_the_tools_are_missing(tmp_path: Path) -> None:
    found = run_with_tools(tmp_path)

    assert found.returncode == NOT_POSSIBLE
    assert all(tool in found.stderr for tool in TOOLS)
    assert "Nothing was tried." in found.stderr


ENDS_WITH_ITS_INPUT = (
    "import signal; from worker.datasets.upload.closed_input import end_with_input; end_with_input(); signal.pause()"
)
"""Never ends by itself."""
RUNS_INSIDE = "import sys; from benchmarks.hosts.namespaces import run_inside; sys.exit(run_inside(sys.argv[1:]))"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_of_the_hosts_is_left_whatever_ends_the_program(number: signal.Signals) -> None:
    if reason := obstacle():
        pytest.skip(reason)
    innermost = [sys.executable, "-c", ENDS_WITH_ITS_INPUT]
    command = [sys.executable, "-c", RUNS_INSIDE, *innermost]
    outside = subprocess.Popen(command, cwd=PROJECT, env=os.environ | {"PYTHONPATH": str(PROJECT)})
    first = psutil.Process(outside.pid)
    wait_until(lambda: any(child.cmdline() == innermost for child in first.children(recursive=True)), 30)
    inside = first.children(recursive=True)
    for process in [first, *(inside if number == signal.SIGINT else [])]:  # a terminal tells all of them of Ctrl-C
        process.send_signal(number)
    outside.wait()
    wait_until(lambda: all(map(is_gone, inside)), 30)


@asynccontextmanager
async def served(name: str, status: int) -> AsyncIterator[Server]:
    """A server that answers every request with its name."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(name)}\r\n\r\n{name}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield Server("127.0.0.1", server.sockets[0].getsockname()[1])


async def asked(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.decode().rpartition("\n")[2]


def test_the_balancer_takes_turns_among_the_servers_that_are_ready() -> None:
    async def answers() -> list[str]:
        port = free_port()
        async with served("a", 200) as first, served("b", 200) as second, served("c", 503) as third:
            servers = [first, second, third]
            balancing = asyncio.create_task(Balancer([*servers]).serve("127.0.0.1", port))
            while not (first.is_up and second.is_up and third.failed > FALL):
                await asyncio.sleep(0.01)
            found = [await asked(port) for _ in range(6)]
            balancing.cancel()
            return found

    assert sorted(asyncio.run(answers())) == ["a", "a", "a", "b", "b", "b"]


def test_the_balancer_uses_all_servers_that_answer_when_none_is_ready() -> None:
    async def answers() -> list[str]:
        port = free_port()
        async with served("a", 503) as first, served("b", 503) as second:
            balancing = asyncio.create_task(
                Balancer([first, second, Server("127.0.0.1", free_port())]).serve("127.0.0.1", port)
            )
            while first.is_silent or second.is_silent:
                await asyncio.sleep(0.01)
            found = [await asked(port) for _ in range(4)]
            balancing.cancel()
            return found

    assert sorted(asyncio.run(answers())) == ["a", "a", "b", "b"]
