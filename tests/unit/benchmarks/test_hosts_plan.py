"""The plan of `make hosts`, and its table."""

from pathlib import Path

import pytest

from benchmarks.hosts.plan import (
    APIS,
    BALANCER,
    CLIENT,
    NETWORK,
    REDIS,
    SERVERS,
    STORE,
    Host,
    Run,
    command,
    environment,
)
from benchmarks.hosts.plan import WORKERS as WORKER_HOSTS
from benchmarks.hosts.table import header, tried
from service.settings import ApiSettings
from worker.settings import WorkerSettings

RUN = Run(redis_password="a password", admin_key="0123456789abcdef", patience=2)
HOME = Path("/run/hosts/somewhere")


def test_every_host_has_a_name_and_an_address_of_its_own() -> None:
    hosts = (*SERVERS, CLIENT)

    assert len(SERVERS) == 9
    assert len({host.name for host in hosts}) == len({host.address for host in hosts}) == 10
    assert all(host.interface.endswith(f"/{NETWORK.prefixlen}") for host in hosts)
    assert not {NETWORK.network_address, NETWORK.broadcast_address} & {NETWORK[host.number] for host in hosts}
    # Linux limits the name of an interface to 15 characters.
    assert max(len(f"port-{host.name}") for host in hosts) <= 15


@pytest.mark.parametrize("host", [*APIS, *WORKER_HOSTS], ids=lambda host: host.name)
def test_apis_and_workers_are_told_of_one_redis_and_one_store(monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    known = environment(host, HOME, RUN, {"CONVSERVE_STORE_URL": "elsewhere", "AWS_REGION": "far", "PATH": "/bin"})
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    settings = ApiSettings() if host in APIS else WorkerSettings()

    assert settings.redis_url == f"redis://:a password@{REDIS.address}:6379/0"
    assert settings.store_location == "s3://hosts/models"
    assert (known["AWS_ENDPOINT_URL"], known["PATH"]) == (f"http://{STORE.address}:9000", "/bin")
    assert known["TMPDIR"] == known["CONVSERVE_DATA_DIR"] == str(HOME)
    assert ("CONVSERVE_ADMIN_KEY" in known) == (host in APIS)
    assert float(known["CONVSERVE_LEASE_S"]) == 8


def test_each_host_runs_what_it_is_for() -> None:
    assert command(APIS[0], HOME, RUN)[-5:] == ["api", "--host", APIS[0].address, "--port", "8000"]
    assert command(WORKER_HOSTS[3], HOME, RUN)[-1] == "worker"
    assert command(BALANCER, HOME, RUN)[-2:] == [f"{api.address}:8000" for api in APIS]
    redis = command(REDIS, HOME, RUN)
    assert redis[redis.index("--requirepass") + 1] == "a password"
    with pytest.raises(ValueError, match="client"):
        command(CLIENT, HOME, RUN)


def test_the_table_has_a_row_for_a_check_that_holds_and_for_one_that_does_not() -> None:
    def broken() -> str:
        raise AssertionError("two\nversions")

    ticks = iter([1.0, 3.5, 10.0, 11.0])
    rows = [tried("a host is lost", check, lambda: next(ticks)) for check in (lambda: "3 jobs", broken)]

    assert [column.strip() for column in header().split("|")] == ["check", "result", "seconds"]
    assert [column.strip() for column in str(rows[0]).split("|")] == ["a host is lost", "ok: 3 jobs", "2"]
    assert [column.strip() for column in str(rows[1]).split("|")] == ["a host is lost", "FAILED: two versions", "1"]
