"""How many connections there are, from where, and which of them are too many."""

import resource

import pytest

from service.web.connection_deadlines import ConnectionLimits
from service.web.connection_table import (
    KEPT_DESCRIPTORS,
    SURPLUS_CONNECTIONS,
    ConnectionTable,
    connections_within,
)

pytestmark = pytest.mark.anyio


class Client:
    """A connection that does nothing."""

    def __init__(self) -> None:
        self.n_reviews = 0
        self.is_dropped = False

    def review(self, now_s: float) -> None:
        self.n_reviews += 1

    def drop(self) -> None:
        self.is_dropped = True


def connected(table: ConnectionTable, *hosts: str | None) -> tuple[list[Client], list[bool]]:
    clients = [Client() for _ in hosts]
    return clients, [table.add(client, host) for client, host in zip(clients, hosts, strict=True)]


async def test_connections_are_counted_in_all() -> None:
    table = ConnectionTable(ConnectionLimits(connections=2))
    clients, within = connected(table, "10.0.0.1", "10.0.0.2", "10.0.0.3")
    assert within == [True, True, False]
    table.remove(clients[0])
    assert connected(table, "10.0.0.4", "10.0.0.5")[1] == [True, False]


async def test_connections_are_counted_per_address() -> None:
    table = ConnectionTable(ConnectionLimits(connections_per_address=1))
    clients, within = connected(table, "10.0.0.1", "10.0.0.1", "10.0.0.2", None, None)
    assert within == [True, False, True, True, True]
    for client in (*clients, clients[0]):  # once more does no harm
        table.remove(client)
    assert len(table) == 0
    assert connected(table, "10.0.0.1")[1] == [True]


async def test_an_ipv6_network_counts_as_one_address() -> None:
    table = ConnectionTable(ConnectionLimits(connections_per_address=1))
    hosts = ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1", "::ffff:10.0.0.1", "10.0.0.1", "fe80::1%eth0")
    assert connected(table, *hosts)[1] == [True, False, True, True, False, True]


async def test_the_oldest_of_too_many_surplus_connections_is_dropped() -> None:
    table = ConnectionTable(ConnectionLimits(connections=1))
    clients, _ = connected(table, *["10.0.0.1"] * (SURPLUS_CONNECTIONS + 3))
    assert [client.is_dropped for client in clients[:4]] == [False, True, True, False]
    assert len(table) == SURPLUS_CONNECTIONS + 1
    table.remove(clients[1])  # when its transport says that it is closed
    assert len(table) == SURPLUS_CONNECTIONS + 1


def test_no_more_connections_are_taken_than_the_process_may_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    assert connections_within(100) == 100
    assert connections_within(1024) == 1024 - KEPT_DESCRIPTORS - SURPLUS_CONNECTIONS
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert connections_within(100_000) == 100_000
