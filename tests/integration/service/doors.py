"""The service behind a real socket in the test's own process, and clients that do as they like."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn.server import ServerState

from service.fast.protocol import FastProtocol
from service.web.connection_limits import CONNECTIONS
from service.web.connection_table import ConnectionTable
from tests.busy_machine import PATIENCE_S


class Door:
    """A port behind which the service listens."""

    def __init__(self, app: FastAPI, table: ConnectionTable, state: dict[str, object]) -> None:
        self.table = table
        config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off", ws="none")
        server_state, app_state = ServerState(), {**state, CONNECTIONS: table}
        self.protocol: Callable[[], FastProtocol] = lambda: FastProtocol(config, server_state, app_state)
        self.port = 0
        self.clients: list[Client] = []

    async def connect(self, receive_buffer: int | None = None) -> "Client":
        ours = socket.socket()
        if receive_buffer is not None:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        ours.setblocking(False)
        await asyncio.get_running_loop().sock_connect(ours, ("127.0.0.1", self.port))
        client = Client(*await asyncio.open_connection(sock=ours))
        self.clients.append(client)
        return client

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        client = await self.connect()
        client.send(request)
        status, _, body = await client.answer()
        client.leave()
        return status, body


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, bytes, bytes]:
        """Status, head in lower case, and body of the next answer."""
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
            return int(head[9:12]), head, await self.reader.readexactly(length)

    async def end(self) -> bytes:
        """What still comes before the server closes."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    async def flood(self, piece: bytes, most_bytes: int) -> int:
        """Send the piece again and again; how many bytes, until the server closed or all were sent."""
        n_sent = 0
        with contextlib.suppress(ConnectionError):
            while n_sent < most_bytes:
                self.send(piece)
                await self.writer.drain()
                n_sent += len(piece)
        return n_sent

    def leave(self) -> None:
        self.writer.close()


@asynccontextmanager
async def listening(app: FastAPI, table: ConnectionTable) -> AsyncIterator[Door]:
    """The door of an application; in the end all clients have left."""
    async with app.router.lifespan_context(app) as state:
        door = Door(app, table, dict(state or {}))
        server = await asyncio.get_running_loop().create_server(door.protocol, "127.0.0.1", 0)
        door.port = server.sockets[0].getsockname()[1]
        yield door
        server.close()
        for client in door.clients:
            client.leave()
            with contextlib.suppress(ConnectionError):
                await client.writer.wait_closed()
        await settled(lambda: len(door.table) == 0)


async def settled(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await asyncio.sleep(0.02)


def code_of(body: bytes) -> str:
    return str(json.loads(body)["code"])
