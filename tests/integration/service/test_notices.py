"""The end of a job is told to an address, signed and until it is heard, and never to a private network by accident."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import redis

from service.jobs import notifier as notifier_module
from service.jobs.notifier import Notifier
from service.web.outgoing import AddressRefused, DeliveryFailed, checked, post
from service.web.public_addresses import is_public
from worker.job_store.notices import NoticeStore
from worker.job_store.store import JobStore
from worker.jobs.labels import Labels
from worker.jobs.plan import plan
from worker.jobs.request import JobRequest

PLAN = plan(JobRequest(architecture="lenet5-fashion", dataset="fashion_mnist_sample", epochs=2))
SECRET = "a secret of sixteen"


class Receiver(HTTPServer):
    """Remembers what came, and answers with the statuses that it is told to, at last with 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses: list[int] = []
        self.came: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?a=1"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append((dict(self.headers), body))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.server.url)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_an_end_is_told_until_it_is_heard(
    client: redis.Redis, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier_module, "PAUSES_S", (0.0, 0.0, 0.0))
    jobs, notices = JobStore(client), NoticeStore(client)
    notifier = Notifier(notices, jobs, SECRET, allow_private=True)
    receiver.statuses = [500, 302]
    job = jobs.submit(PLAN, labels=Labels(notify=receiver.url)).id
    notifier.send_due()
    assert receiver.came == []
    jobs.cancel(job)
    for _ in range(5):
        notifier.send_due()
    assert len(receiver.came) == 3
    headers, body = receiver.came[-1]
    said = json.loads(body)
    assert (said["event"], said["job"]["id"], said["job"]["state"]) == ("job.finished", job, "cancelled")
    assert {headers["X-Convserve-Delivery"] for headers, _ in receiver.came} == {f"{job}-finished"}
    seconds, digest = (part.partition("=")[2] for part in headers["X-Convserve-Signature"].split(","))
    expected = hmac.new(SECRET.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert digest == expected
    assert notices.take(9) == []


def test_a_notice_that_is_never_heard_is_given_up(
    client: redis.Redis, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier_module, "PAUSES_S", (0.0,))
    jobs = JobStore(client)
    receiver.statuses = [500] * 9
    jobs.cancel(jobs.submit(PLAN, labels=Labels(notify=receiver.url)).id)
    notifier = Notifier(NoticeStore(client), jobs, None, allow_private=True)
    for _ in range(5):
        notifier.send_due()
    assert len(receiver.came) == 2
    assert "X-Convserve-Signature" not in receiver.came[0][0]
    assert list(client.scan_iter("convserve:notice*")) == []


def test_a_private_address_is_not_sent_to(receiver: Receiver) -> None:
    with pytest.raises(AddressRefused, match="not public"):
        post(receiver.url, b"{}", {}, allow_private=False)
    assert receiver.came == []
    with pytest.raises(DeliveryFailed):
        post("http://127.0.0.1:1/", b"{}", {}, allow_private=True)


@pytest.mark.parametrize(
    "url",
    ["http://localhost/", "http://[::1]/", "http://10.1.2.3/", "http://169.254.169.254/latest", "http://0/",
     "http://[::ffff:127.0.0.1]/", "http://[fe80::1]/", "ftp://example.org/", "http://a:b@example.org/", "http://",
     "http://2130706433/", "http://0x7f.1/", "http://example.org:0/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/"],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        checked(url, allow_private=False)


def test_public_addresses_are_public() -> None:
    assert all(map(is_public, ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"]))
    assert not any(map(is_public, ["100.64.0.1", "192.0.2.1", "224.0.0.1", "ff02::1", "fd00::1", "::"]))
