"""The hosts in service, and how the client's host uses them."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from uuid import uuid4

import httpx
import redis

from benchmarks.hosts.fleet import Fleet
from benchmarks.hosts.network import Network
from benchmarks.hosts.plan import APIS, BALANCER, BUCKET, REDIS, REDIS_PORT, SERVERS, STORE, STORE_PORT, Host, Run
from benchmarks.hosts.plan import WORKERS as WORKER_HOSTS
from tests import busy_machine
from tests.busy_machine import is_within, slowness
from tests.running import SMALL_TRAINING

START_S, ANSWER_S, JOB_S = 120.0, 60.0, 120.0
CLIENT_TIMEOUT_S = 6.0
PATIENT_S = 60.0
MOST_PATIENCE = 5
"""On a busier machine, waiting for leases to run out would take longer than all the rest."""
ENDED = ("succeeded", "failed", "cancelled")
LONG = {"epochs": 40}
"""A training of some seconds: long enough to lose something meanwhile."""


class Lab:
    """All hosts, started.

    Attributes:
        network: where links are cut and slowed.
        fleet: what runs on the hosts.
        accepted: ids of all jobs that were answered 202.
    """

    def __init__(self) -> None:
        self._run = Run(secrets.token_hex(16), secrets.token_hex(16), min(MOST_PATIENCE, max(1, round(slowness()))))
        self.network = Network()
        self.fleet = Fleet(self.network, self._run)
        self.accepted: list[str] = []

    def start(self) -> None:
        """Start every host, what others need first, and wait until all are in service."""
        for host in (REDIS, STORE):
            self.fleet.add(host)
        wait_until(self.is_redis_up, START_S, "Redis answers")
        wait_until(_is_store_up, START_S, "the object store answers")
        for host in SERVERS[2:]:
            self.fleet.add(host)
        for host in (*APIS, BALANCER):
            self.wait_until_ready(host)
        wait_until(lambda: len(self.workers()) == len(WORKER_HOSTS), START_S, "every worker has announced itself")

    def client(self, host: Host = BALANCER, key: str | None = None) -> httpx.Client:
        """A client of the balancer, or of one API; with the administrator's key unless another is given."""
        headers = {"Authorization": f"Bearer {key or self._run.admin_key}"}
        return httpx.Client(base_url=host.url, headers=headers, timeout=self._run.patience * CLIENT_TIMEOUT_S)

    def ask_once(self, method: str, path: str, host: Host, **options: Any) -> httpx.Response:  # noqa: ANN401
        """The answer to what must not be sent twice."""
        with self.client(host) as client:
            answer = client.request(method, path, timeout=self._run.patience * PATIENT_S, **options)
        answer.raise_for_status()
        return answer

    def ask(self, method: str, path: str, host: Host = BALANCER, **options: Any) -> httpx.Response:  # noqa: ANN401
        """The answer, once there is one: asks again where a client should, after no answer, 429 and 503."""
        answer: httpx.Response | None = None
        began = time.monotonic()
        while is_within(time.monotonic() - began, ANSWER_S):
            try:
                with self.client(host) as client:
                    answer = client.request(method, path, **options)
                if answer.status_code not in (429, 503):
                    answer.raise_for_status()
                    return answer
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise TimeoutError(f"{method} {path}: no answer within {ANSWER_S:.0f} s, the last was {answer}")

    def submit(self, host: Host = BALANCER, /, **changes: object) -> str:
        """Submit a small training; the job's id."""
        headers = {"Idempotency-Key": uuid4().hex}
        job = self.ask("POST", "/jobs", host, json=SMALL_TRAINING | changes, headers=headers).json()["id"]
        self.accepted.append(job)
        return str(job)

    def job(self, job: str, host: Host = BALANCER) -> dict[str, Any]:
        """A job's record."""
        found: dict[str, Any] = self.ask("GET", f"/jobs/{job}", host).json()
        return found

    def wait_for_end(self, job: str, limit_s: float = JOB_S) -> dict[str, Any]:
        """The record of a job that must succeed."""
        wait_until(lambda: self.job(job)["state"] in ENDED, limit_s, f"job {job} has ended")
        ended = self.job(job)
        require(ended["state"] == "succeeded", f"job {job} is {ended['state']}: {ended['error']}")
        return ended

    def wait_until_training(self, job: str, epoch: int = 4) -> Host:
        """The host that trains a job, once it has come to this epoch."""
        names: list[str] = []

        def has_come() -> bool:
            found = self.job(job)
            require(found["state"] in ("queued", "running"), f"job {job} is {found['state']}: {found['error']}")
            if found["progress"]["phase"] != "training" or found["progress"]["epoch"] < epoch:
                return False
            # What workers announce is some seconds old: none of them or two may name the job for a while.
            names[:] = [worker["host"] for worker in self.workers() if (worker["running"] or {}).get("job") == job]
            return len(names) == 1

        wait_until(has_come, JOB_S, f"job {job} trains on one host")
        return next(host for host in WORKER_HOSTS if host.name == names[0])

    def workers(self) -> list[dict[str, Any]]:
        """The workers that have announced themselves."""
        found: list[dict[str, Any]] = self.ask("GET", "/workers").json()["workers"]
        return found

    def versions_of(self, job: str) -> list[dict[str, Any]]:
        """The versions that a job has published."""
        model = self.job(job)["request"]["model"]
        found = self.ask("GET", f"/models/{model}").json()["versions"]
        return [version for version in found if version["job"] == job]

    def wait_until_ready(self, host: Host) -> float:
        """Seconds until an API, or one behind the balancer, is ready."""
        return wait_until(lambda: _answers(f"{host.url}/readyz"), START_S, f"{host.name} is ready")

    def is_redis_up(self) -> bool:
        """Whether Redis answers under its password."""
        address = {"host": REDIS.address, "port": REDIS_PORT, "password": self._run.redis_password}
        with redis.Redis(**address, socket_timeout=1, socket_connect_timeout=1) as client:  # type: ignore[arg-type]
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def without(self, host: Host) -> AbstractContextManager[None]:
        """Unplug a host while the block lasts."""
        return _while_it_lasts(self.network.cut, self.network.join, host)

    def slowed(self, host: Host) -> AbstractContextManager[None]:
        """Put a host at the end of a slow and lossy line while the block lasts."""
        return _while_it_lasts(self.network.slow, self.network.quicken, host)

    def killed(self, host: Host) -> AbstractContextManager[None]:
        """End a host's processes when the block begins, and start it again after the block."""
        return _while_it_lasts(self.fleet.kill, self.fleet.start, host)


def wait_until(condition: Callable[[], bool], limit_s: float, what: str) -> float:
    """Wait until something holds, longer on a busy machine; the seconds that took. The failure says what did not."""
    return busy_machine.wait_until(condition, limit_s, lambda: what, pause_s=0.1)


def require(is_kept: bool, otherwise: str) -> None:
    """Fail the check that is running."""
    if not is_kept:
        raise AssertionError(otherwise)


@contextmanager
def _while_it_lasts(begin: Callable[[Host], None], end: Callable[[Host], None], host: Host) -> Iterator[None]:
    begin(host)
    try:
        yield
    finally:
        end(host)


def _is_store_up() -> bool:
    return _answers(f"http://{STORE.address}:{STORE_PORT}/{BUCKET}")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=3).status_code == 200
    except httpx.TransportError:
        return False
