"""All open connections of the process: how many there are in all and per address, and the timer that reviews them.

One timer looks at all connections every so often. That costs a request nothing, where a timer of its own cost 1 µs; a
deadline is therefore late by up to one period. `service.web.connection_deadlines` says what a review looks at.
"""

import asyncio
import ipaddress
import resource
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from service.web.connection_deadlines import ConnectionLimits

KEPT_DESCRIPTORS = 192
"""File descriptors left for everything that is no connection: the store, Redis, pipes of child processes."""
SURPLUS_CONNECTIONS = 64
"""Connections beyond the limits that may still ask for an open path, such as `/healthz`."""


class Connection(Protocol):
    """What the table needs of a connection."""

    def review(self, now_s: float) -> None:
        """End the connection, or the request on it, if that took too long."""

    def drop(self) -> None:
        """Close the connection at once."""


def connections_within(wanted: int) -> int:
    """As many connections as wanted, or as the process has file descriptors for."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, allowed - KEPT_DESCRIPTORS - SURPLUS_CONNECTIONS))


class ConnectionTable:
    """Counts the connections of one event loop, and reviews them.

    Attributes:
        limits: for every connection.
        refused: called with the status of every refusal.
    """

    def __init__(self, limits: ConnectionLimits, refused: Callable[[int], None] = lambda status: None) -> None:
        self.limits = limits
        self.refused = refused
        self._open: dict[Connection, str | None] = {}
        self._per_address: Counter[str] = Counter()
        self._surplus: dict[Connection, None] = {}  # oldest first
        self._timer: asyncio.TimerHandle | None = None
        self._reviewed_at = 0.0
        self._clock_s = 0.0

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection, host: str | None) -> bool:
        """Count a new connection.

        Args:
            connection: the new one.
            host: the client's IP address; None for a Unix socket, which has no limit per address.

        Returns:
            Whether it is within the limits. One beyond them may only ask for an open path, and is dropped when too many
            such connections come after it.
        """
        address = network_of(host)
        is_within = len(self._open) - len(self._surplus) < self.limits.connections and (
            address is None or self._per_address[address] < self.limits.connections_per_address
        )
        self._open[connection] = address
        if is_within:
            if address is not None:
                self._per_address[address] += 1
        else:
            self._add_surplus(connection)
        if self._timer is None:
            self._start_timer()
        return is_within

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        address = self._open.pop(connection, None)
        if connection in self._surplus:
            del self._surplus[connection]
        elif address is not None:
            self._per_address[address] -= 1
            if not self._per_address[address]:
                del self._per_address[address]

    def _add_surplus(self, connection: Connection) -> None:
        if len(self._surplus) >= SURPLUS_CONNECTIONS:
            oldest = next(iter(self._surplus))
            self.remove(oldest)
            oldest.drop()
        self._surplus[connection] = None

    def _start_timer(self) -> None:
        loop = asyncio.get_running_loop()
        self._reviewed_at = loop.time()
        self._timer = loop.call_later(self.limits.review_period_s, self._review)

    def _review(self) -> None:
        loop = asyncio.get_running_loop()
        # After a stall of the event loop clients did not have all of that time, so only a part of it counts.
        self._clock_s += min(loop.time() - self._reviewed_at, 2 * self.limits.review_period_s)
        for connection in list(self._open):
            connection.review(self._clock_s)
        self._timer = None
        if self._open:
            self._start_timer()


def network_of(host: str | None) -> str | None:
    """What the connections of one client have in common: its IPv4 address, or the upper half of its IPv6 address."""
    if host is None or ":" not in host:
        return host
    address = ipaddress.IPv6Address(host.partition("%")[0])
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
