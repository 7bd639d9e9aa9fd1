"""One client cannot take the service from the others: floods, slow senders, too many connections, odd protocols."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from model_store import open_store
from tests.busy_machine import exit_code, is_within, wait_until
from tests.promises.ledger import Ledger, percentile
from tests.promises.pictures import PNG
from tests.running import free_port
from tests.thoroughness import tries
from tests.unit.service.tiny_networks import publish

MB = 1_000_000
HEADER_DEADLINE_S = 10
RATE_WINDOW_S = 20
MOST_PER_ADDRESS = 512
JAVA_HEADERS = (
    "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
    "Upgrade: h2c\r\nUser-Agent: Java-http-client/21\r\n"
)
"""What Java's HttpClient sends by default with every request to an `http:` address."""


@dataclass(frozen=True)
class Server:
    """An API process without a worker; it has the model `small`."""

    port: int
    process: psutil.Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("api")
    publish(open_store(str(data / "store")), "small")
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONVSERVE_")}
    environment |= {"CONVSERVE_DATA_DIR": str(data), "CONVSERVE_REDIS_URL": f"unix://{data}/nobody-listens.sock"}
    command = [sys.executable, "-m", "service.cli", "api", "--port", str(port)]
    with (data / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    found = Server(port, psutil.Process(process.pid))
    try:
        wait_until(found.is_ready, 60)
        yield found
    finally:
        process.terminate()
        exit_code(process, 30)


async def connect(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", server.port)


def prediction(headers: str = "", length: int = len(PNG), kind: str = "image/png") -> bytes:
    """The header of a prediction."""
    head = f"POST /models/small/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{headers}"
    return f"{head}Content-Length: {length}\r\n\r\n".encode()


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the next answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)


async def health_ms(server: Server, is_over: Callable[[], bool]) -> list[float]:
    """How long `/healthz` takes on one connection, again and again, in milliseconds."""
    reader, writer = await connect(server)
    found = []
    while not is_over():
        began_at = time.perf_counter()
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, _ = await answer_of(reader)
        assert status == 200
        found.append(1000 * (time.perf_counter() - began_at))
        await asyncio.sleep(0.005)
    writer.close()
    return found


def flooded(server: Server, seconds: float, begin: bytes, piece: bytes) -> tuple[list[float], int, int]:
    """Latencies of `/healthz` during a flood, the number of its connections, and the most bytes of one of them."""
    command = [sys.executable, str(Path(__file__).parent / "flood.py"), str(server.port), str(seconds)]
    process = subprocess.Popen([*command, repr(begin), repr(piece)], stdout=subprocess.PIPE, text=True)
    latencies = asyncio.run(health_ms(server, lambda: process.poll() is not None))
    n_connections, most_bytes = process.communicate()[0].split()
    return latencies, int(n_connections), int(most_bytes)


def quiet(server: Server, seconds: float) -> list[float]:
    """Latencies of `/healthz` when nothing else happens."""
    ends_at = time.monotonic() + seconds
    return asyncio.run(health_ms(server, lambda: time.monotonic() >= ends_at))


@pytest.mark.parametrize("name", ["4 million headers", "a header without end"])
def test_header_floods(ledger: Ledger, server: Server, name: str) -> None:
    begin, piece = b"GET / HTTP/1.1\r\n", b"a:\r\n" * 10_000
    if name == "a header without end":
        begin, piece = begin + b"X: ", b"x" * 40_000
    with ledger.promise(
        f"one connection after the other sends {name}: each is refused within 16 MB, `/healthz` answers others (on "
        "a quiet machine p99 at most 20 ms later than without), the API grows by at most 30 MB",
        few=1,
        many=3,
    ) as promise:
        seconds = tries(2, 10)
        for _ in promise:
            quiet_ms = percentile(quiet(server, seconds), 0.99)
            memory = server.process.memory_info().rss
            latencies, n_connections, most_bytes = flooded(server, seconds, begin, piece)
            grown = (server.process.memory_info().rss - memory) / MB
            busy_ms = percentile(latencies, 0.99)
            promise.require(most_bytes < 16 * MB, f"{most_bytes / MB:.0f} MB were taken")
            promise.require(is_within(busy_ms, quiet_ms + 20), f"p99 {busy_ms:.1f} ms, {quiet_ms:.1f} ms without")
            promise.require(grown <= 30, f"grew by {grown:.0f} MB")
            promise.measure(
                f"{n_connections} connections in {seconds} s, at most {most_bytes / MB:.1f} MB sent, "
                f"p99 {busy_ms:.1f} ms, {quiet_ms:.1f} ms without, {grown:.1f} MB"
            )


def test_upgrades(ledger: Ledger, server: Server, tmp_path: Path) -> None:
    async def java(is_split: bool) -> list[int]:
        reader, writer = await connect(server)
        writer.write(prediction(JAVA_HEADERS))
        if is_split:
            await writer.drain()
            await asyncio.sleep(0.02)
        writer.write(PNG + prediction() + PNG)
        statuses = [(await answer_of(reader))[0] for _ in range(2)]
        writer.close()
        return statuses

    with ledger.promise(
        "a prediction with `Upgrade: h2c`, as Java's HttpClient and `curl --http2` send it, in one packet and in two: "
        "answered 200, once",
        few=3,
        many=300,
    ) as promise:
        picture = tmp_path / "picture.png"
        picture.write_bytes(PNG)
        curl = shutil.which("curl")
        for _ in promise:
            for is_split in (False, True):
                statuses = asyncio.run(java(is_split))
                promise.require(statuses == [200, 200], f"{statuses}")
            if curl is not None:
                command = [
                    curl,
                    "-s",
                    "--http2",
                    "-o",
                    "/dev/null",
                    "-w",
                    "%{http_code}",
                    "-H",
                    "Content-Type: image/png",
                ]
                command += ["--data-binary", f"@{picture}", f"{server.url}/models/small/predict"]
                code = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout
                promise.require(code == "200", f"curl --http2: {code}")


class Drip:
    """A client that sends a byte now and then, until the server closes."""

    def __init__(self, begin: bytes, pause_s: float | None) -> None:
        self._begin = begin
        self._pause_s = pause_s
        self.open_s = 0.0

    async def run(self, server: Server) -> None:
        reader, writer = await connect(server)
        began_at = time.monotonic()
        writer.write(self._begin)
        end = asyncio.create_task(reader.read())
        while not end.done():
            done, _ = await asyncio.wait({end}, timeout=self._pause_s)
            if not done:
                writer.write(b"x")
        self.open_s = time.monotonic() - began_at
        with contextlib.suppress(ConnectionError):
            await end
        writer.close()


def test_slow_senders(ledger: Ledger, server: Server) -> None:
    with ledger.promise(
        "150 idle connections, 100 that drip a header and 100 that drip a body, 4 of them a dataset: all are closed "
        f"after {HEADER_DEADLINE_S} s or {RATE_WINDOW_S} s, and meanwhile predictions and uploads of others "
        "get their turn",
        few=0,
        many=2,
    ) as promise:
        archive = b"POST /datasets?name=slow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/zip\r\n"
        archive += b"Content-Length: 10000000\r\n\r\n"
        for _ in promise:
            idle = [Drip(b"", None) for _ in range(150)]
            headers = [Drip(b"GET / HTTP/1.1\r\nX: ", 1) for _ in range(100)]
            bodies = [Drip(prediction(), 1) for _ in range(96)] + [Drip(archive, 1) for _ in range(4)]

            async def attack(drips: list[Drip]) -> list[float]:
                running = [asyncio.create_task(drip.run(server)) for drip in drips]
                await asyncio.sleep(2)
                latencies = await predicting(server, 5)
                promise.require(await refused_upload(server) == 422, "an upload did not get its turn")
                await asyncio.gather(*running)
                return latencies

            latencies = asyncio.run(attack([*idle, *headers, *bodies]))
            slowest = [max(drip.open_s for drip in drips) for drips in (idle, headers, bodies)]
            for seconds, allowed_s in zip(slowest, (HEADER_DEADLINE_S, HEADER_DEADLINE_S, RATE_WINDOW_S), strict=True):
                promise.require(seconds <= allowed_s + 4, f"open for {seconds:.1f} s")
            p99_ms = 1000 * percentile(latencies, 0.99)
            promise.measure(f"closed after {', '.join(f'{s:.1f}' for s in slowest)} s, predictions p99 {p99_ms:.1f} ms")


async def refused_upload(server: Server) -> int:
    """The status of an upload that is no archive: 422 if it got its turn."""
    reader, writer = await connect(server)
    writer.write(b"POST /datasets?name=other HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/zip\r\n")
    writer.write(b"Content-Length: 8\r\n\r\nno zip!!")
    status, _ = await answer_of(reader)
    writer.close()
    return status


async def predicting(server: Server, seconds: float) -> list[float]:
    """Latencies of predictions one after the other; each must be answered 200."""
    reader, writer = await connect(server)
    ends_at, found = time.monotonic() + seconds, []
    while time.monotonic() < ends_at:
        began_at = time.monotonic()
        writer.write(prediction() + PNG)
        status, body = await answer_of(reader)
        assert status == 200, body
        found.append(time.monotonic() - began_at)
    writer.close()
    return found


def test_too_many_connections(ledger: Ledger, server: Server) -> None:
    async def attack() -> tuple[list[int], list[int], int]:
        held = [await connect(server) for _ in range(MOST_PER_ADDRESS + 40)]
        await asyncio.sleep(0.5)
        health: list[int] = []
        refused: list[int] = []
        for _ in range(20):
            for request, statuses in (
                (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", health),
                (prediction() + PNG, refused),
            ):
                reader, writer = await connect(server)
                writer.write(request)
                statuses.append((await answer_of(reader))[0])
                writer.close()
        for _, writer in held:
            writer.close()
        await asyncio.sleep(1)
        reader, writer = await connect(server)
        writer.write(prediction() + PNG)
        after, _ = await answer_of(reader)
        writer.close()
        return health, refused, after

    with ledger.promise(
        f"one address holds {MOST_PER_ADDRESS + 40} connections: its others are answered 503 and `/healthz` 200, and "
        "predictions again once it lets go",
        few=1,
        many=5,
    ) as promise:
        for _ in promise:
            health, refused, after = asyncio.run(attack())
            promise.require(set(health) == {200} and set(refused) == {503}, f"{health} {refused}")
            promise.require(after == 200, f"{after} afterwards")


def test_early_answers(ledger: Ledger, server: Server) -> None:
    async def upload(path: bytes) -> tuple[int, int]:
        reader, writer = await connect(server)
        writer.write(b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n" % path)
        writer.write(b"Content-Length: 300000000\r\n\r\n")
        status, _ = await answer_of(reader)
        n_bytes = 0
        with contextlib.suppress(ConnectionError):
            while n_bytes < 300 * MB:
                writer.write(bytes(100_000))
                await writer.drain()
                n_bytes += 100_000
        writer.close()
        return status, n_bytes

    with ledger.promise(
        "a client that goes on with its 300 MB after 413 or 404: the connection is closed, within 16 MB that are "
        "mostly in the sockets' buffers",
        few=2,
        many=50,
    ) as promise:
        most = 0
        for _ in promise:
            for path, expected in ((b"/predict", 413), (b"/nothing", 404)):
                status, n_bytes = asyncio.run(upload(path))
                most = max(most, n_bytes)
                promise.require(status == expected and n_bytes < 16 * MB, f"{status}, {n_bytes / MB:.1f} MB")
        promise.measure(f"at most {most / MB:.1f} MB")


def test_a_slow_mobile_upload(ledger: Ledger, server: Server) -> None:
    rate, seconds = 64_000, 180

    async def upload() -> tuple[int, float]:
        part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + PNG
        body = (part + bytes(rate * seconds // 2 - len(part)) + b"\r\n") * 2 + b"--b--\r\n"
        began_at = time.monotonic()
        reader, writer = await connect(server)
        writer.write(prediction(length=len(body), kind="multipart/form-data; boundary=b"))
        for at in range(0, len(body), rate // 10):
            writer.write(body[at : at + rate // 10])
            await asyncio.sleep(max(0.0, began_at + at / rate - time.monotonic()))
        status, _ = await answer_of(reader)
        writer.close()
        return status, time.monotonic() - began_at

    with ledger.promise(
        f"a prediction's body that arrives at {rate // 1000} kB/s for {seconds // 60} minutes is answered 200",
        few=0,
        many=1,
    ) as promise:
        for _ in promise:
            status, took_s = asyncio.run(upload())
            promise.require(status == 200 and took_s >= seconds - 1, f"{status} after {took_s:.0f} s")
            promise.measure(f"{took_s:.0f} s")
