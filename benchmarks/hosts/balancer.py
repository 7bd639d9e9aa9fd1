"""A plain load balancer for TCP connections: round robin over the servers whose `/readyz` answers 200.

    python -m benchmarks.hosts.balancer ADDRESS:PORT SERVER:PORT...

A program of our own, because the checks must run where neither HAProxy nor nginx is installed. It does what those do by
`option httpchk GET /readyz`, `fall 2`, `on-marked-down shutdown-sessions` and `option redispatch`: it knows nothing of
requests, and a connection stays with its server. When no server is ready, all that answer are used, as by Envoy's panic
mode: without the object store no API is ready, and each still predicts with the networks that it has.
"""

import asyncio
import sys
from contextlib import suppress
from dataclasses import dataclass, field

CHECK_EVERY_S, CHECK_WITHIN_S, CONNECT_WITHIN_S = 0.5, 1.5, 1.0
FALL = 2
"""Checks in a row that a server must fail before it gets no more connections."""
CHUNK_BYTES = 1 << 16
CHECK = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@dataclass
class Server:
    """One server behind the balancer."""

    host: str
    port: int
    failed: int = FALL
    is_silent: bool = True
    relays: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def is_up(self) -> bool:
        """Whether it gets connections."""
        return self.failed < FALL

    async def watch(self) -> None:
        """Check it again and again; end the connections of a server that no longer answers."""
        while True:
            try:
                async with asyncio.timeout(CHECK_WITHIN_S):
                    self.failed = 0 if await self._is_ready() else self.failed + 1
                self.is_silent = False
            except (OSError, TimeoutError):
                self.failed += 1
                self.is_silent = not self.is_up
            if self.is_silent:
                for relay in self.relays:
                    relay.cancel()
            await asyncio.sleep(CHECK_EVERY_S)

    async def _is_ready(self) -> bool:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(CHECK)
            return b" 200 " in await reader.readline()
        finally:
            writer.close()


class Balancer:
    """Gives each connection to the next server that takes it."""

    def __init__(self, servers: list[Server]) -> None:
        self._servers = servers

    async def serve(self, host: str, port: int) -> None:
        """Run until the process is ended."""
        watching = [asyncio.create_task(server.watch()) for server in self._servers]
        async with await asyncio.start_server(self._connected, host, port):
            await asyncio.gather(*watching)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for server in self._in_turn():
                with suppress(OSError, TimeoutError):
                    async with asyncio.timeout(CONNECT_WITHIN_S):
                        upstream = await asyncio.open_connection(server.host, server.port)
                    await self._relayed(server, (reader, writer), upstream)
                    return
        finally:
            writer.close()

    def _in_turn(self) -> list[Server]:
        ready = [server for server in self._servers if server.is_up]
        ready = ready or [server for server in self._servers if not server.is_silent]
        if ready:  # the next connection begins with the one after it
            self._servers.remove(ready[0])
            self._servers.append(ready[0])
        return ready

    async def _relayed(self, server: Server, client: "Ends", upstream: "Ends") -> None:
        both = (_copied(client[0], upstream[1]), _copied(upstream[0], client[1]))
        tasks = {asyncio.create_task(one_way) for one_way in both}
        server.relays |= tasks
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.relays -= tasks
            for task in tasks:
                task.cancel()
            upstream[1].close()


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()


def _parsed(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def main() -> None:
    """Serve the address that is named first."""
    listening, *servers = map(_parsed, sys.argv[1:])
    asyncio.run(Balancer([Server(*server) for server in servers]).serve(*listening))


if __name__ == "__main__":
    main()
