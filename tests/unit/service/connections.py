"""A client's side of a connection to the API's own HTTP protocol, in memory: bytes in, answers out."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import uvicorn
from fastapi import FastAPI
from uvicorn.server import ServerState

from service.fast.protocol import FastProtocol

PATIENCE_S = 10.0


class Answer(NamedTuple):
    """Status, headers in lower case, and body of one answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection(asyncio.Transport):
    """What the protocol takes for a socket."""

    def __init__(self, app: FastAPI, state: Mapping[str, Any]) -> None:
        """Connect.

        Args:
            app: answers what the lane leaves.
            state: what the application's start handed to its server; without the lane, the routes answer everything.
        """
        super().__init__()
        config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off", ws="none")
        self.protocol = FastProtocol(config, ServerState(), dict(state))
        self.is_closed = False
        self.is_ended = False
        self._received = bytearray()
        self._news = asyncio.Event()
        self.protocol.connection_made(self)

    def send(self, data: bytes) -> None:
        """Let bytes arrive at the server."""
        self.protocol.data_received(data)

    def leave(self) -> None:
        """Close the client's side."""
        self.is_closed = True
        self.protocol.connection_lost(None)

    async def answer(self) -> Answer:
        """The next whole answer."""
        async with asyncio.timeout(PATIENCE_S):
            while (found := self._whole_answer()) is None:
                self._news.clear()
                await self._news.wait()
        return found

    def _whole_answer(self) -> Answer | None:
        head, end, rest = bytes(self._received).partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", 0))
        if not end or len(rest) < length:
            return None
        del self._received[: len(head) + 4 + length]
        return Answer(int(first.split()[1]), headers, rest[:length])

    # asyncio's side.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._received += data
        self._news.set()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's signature
        return {"sockname": ("127.0.0.1", 8000), "peername": ("127.0.0.1", 5555)}.get(name, default)

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True
        self._news.set()

    def abort(self) -> None:
        self.close()

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.is_ended = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def post(path: str, body: bytes, content_type: str | None = "image/png", **headers: str) -> bytes:
    """A whole request; an underscore in a header's name stands for a hyphen, `None` of a header leaves it out."""
    known = {"Host": "localhost", "Content-Length": str(len(body)), "Content-Type": content_type}
    known |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in known.items() if value is not None)
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def form(*files: tuple[str, bytes], field: str = "file", end: bytes = b"--xyz--\r\n") -> tuple[bytes, str]:
    """A form's body and its Content-Type."""
    parts = [
        f'--xyz\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode() + data + b"\r\n"
        for name, data in files
    ]
    return b"".join(parts) + end, "multipart/form-data; boundary=xyz"
