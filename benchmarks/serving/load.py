"""Asks a server as fast as it answers, over connections that stay open, and notes how long each answer took.

    python -m benchmarks.serving.load PORT REQUEST_FILE CONNECTIONS SECONDS

Every connection sends the same request again as soon as its answer is complete (closed loop). An answer is read no
further than its status and its Content-Length, so that the client is not what is measured: it is good for about five
times what the servers here answer. Prints one line of JSON.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import uvloop

WARM_UP_S = 0.7
PATIENCE_S = 20.0


@dataclass
class Figures:
    """What one run came to.

    Attributes:
        per_s: answers per second.
        p50_ms, p99_ms: milliseconds from sending a request to the end of its answer.
        answers: how many were counted.
        answers_in_all: also those of the warm-up and after the end.
        others: answers with another status than 200, by status.
        client_cpu: share of the run that the client's own core was busy.
    """

    per_s: float
    p50_ms: float
    p99_ms: float
    answers: int
    others: dict[int, int]
    client_cpu: float
    answers_in_all: int = 0


class _Connection(asyncio.Protocol):
    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._expected = 0  # bytes of the whole answer, once its head is complete
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by name
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._expected:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._expected = end + 4 + _content_length(self._received[:end].lower())
        if len(self._received) >= self._expected:
            self._run.note(int(self._received[9:12]), self._sent_at)
            self._received.clear()
            self._expected = 0
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.lost()

    def _send(self) -> None:
        assert self._transport is not None
        if self._run.is_over:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._run.requests))


class _Run:
    def __init__(self, requests: Sequence[bytes]) -> None:
        self.requests = itertools.cycle(requests)
        self.is_over = False
        self.is_counting = False
        self.latencies_s: list[float] = []
        self.others: dict[int, int] = {}
        self.answers_in_all = 0

    def note(self, status: int, sent_at: float) -> None:
        self.answers_in_all += 1
        if self.is_counting:
            self.latencies_s.append(time.perf_counter() - sent_at)
            if status != 200:
                self.others[status] = self.others.get(status, 0) + 1

    def lost(self) -> None:
        if not self.is_over:
            raise SystemExit("the server closed a connection while it was asked")


def http_request(path: str, content_type: str, body: bytes, headers: str = "") -> bytes:
    """A whole POST request."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def multipart(pictures: list[bytes], field: str = "file") -> tuple[str, bytes]:
    """A form as curl writes it: its Content-Type and its body."""
    boundary = "------------------------d74496d66958873e"
    head = 'Content-Disposition: form-data; name="{}"; filename="{}.png"\r\nContent-Type: image/png\r\n\r\n'
    parts = [
        f"--{boundary}\r\n{head.format(field, number)}".encode() + picture + b"\r\n"
        for number, picture in enumerate(pictures)
    ]
    return f"multipart/form-data; boundary={boundary}", b"".join(parts) + f"--{boundary}--\r\n".encode()


async def ask(port: int, request: bytes | Sequence[bytes], connections: int, seconds: float) -> Figures:
    """Keep `connections` requests under way for so long, after a moment's warm-up; several requests take turns."""
    run = _Run([request] if isinstance(request, bytes) else request)
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(run), "127.0.0.1", port)
    await asyncio.sleep(WARM_UP_S)
    run.is_counting = True
    began, busy = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    run.is_counting = False
    took, busy = time.perf_counter() - began, time.process_time() - busy
    run.is_over = True
    await asyncio.sleep(0.05)
    taken = sorted(run.latencies_s) or [float("nan")]
    return Figures(
        per_s=len(run.latencies_s) / took,
        p50_ms=taken[len(taken) // 2] * 1000,
        p99_ms=taken[len(taken) * 99 // 100] * 1000,
        answers=len(run.latencies_s),
        others=run.others,
        client_cpu=busy / took,
        answers_in_all=run.answers_in_all,
    )


def _content_length(head: bytes | bytearray) -> int:
    start = head.index(b"content-length:") + 15
    end = head.find(b"\r\n", start)
    return int(head[start : end if end >= 0 else len(head)])


def main() -> None:
    """One run, from the command line."""
    port, request, connections, seconds = sys.argv[1:]
    figures = uvloop.run(ask(int(port), Path(request).read_bytes(), int(connections), float(seconds)))
    print(json.dumps(asdict(figures)))


if __name__ == "__main__":
    main()
