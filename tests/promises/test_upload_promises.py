"""Archives that are small to send and costly to decode, and senders that never finish."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.archives import huge_webp, two_classes, zipped
from tests.busy_machine import wait_until
from tests.promises.ledger import Ledger
from tests.running import Stack, running_stack

N_PICTURES = 10_000
LIMIT_S = 60
SLOW_SENDERS = 8


def upload(api: httpx.Client, name: str, archive: bytes) -> httpx.Response:
    return api.post("/datasets", params={"name": name}, content=archive, headers={"Content-Type": "application/zip"})


def is_converted(api: httpx.Client, name: str) -> bool:
    return bool(api.get(f"/datasets/{name}").json()["state"] != "converting")


def test_tiny_files_that_declare_huge_pictures(ledger: Ledger, tmp_path: Path) -> None:
    huge = huge_webp(8192, 2929)
    archive = zipped({f"{label}/{n}.webp": huge for label in ("cat", "dog") for n in range(N_PICTURES // 2)})
    took_s = []
    with (
        ledger.promise(
            f"zip of {len(archive) / 1e6:.1f} MB with 10,000 files of 28 bytes that declare 24 megapixels each: the "
            "conversion fails within 60 s with a reason and a report, and leaves nothing else",
            few=0,
            many=3,
        ) as promise,
        running_stack(tmp_path / "data", tmp_path / "log.txt") as stack,
        httpx.Client(base_url=stack.url, timeout=60) as api,
    ):
        for number in promise:
            began_at = time.monotonic()
            assert upload(api, f"huge{number}", archive).status_code == 202
            wait_until(lambda: is_converted(api, f"huge{number}"), LIMIT_S)
            took_s.append(time.monotonic() - began_at)
            ended = api.get(f"/datasets/huge{number}").json()
            promise.require(ended["error"]["code"] == "too_many_pixels", f"{ended['error']}")
            promise.require(ended["report"]["files"] == N_PICTURES, f"{ended['report']}")
            promise.require(not list((tmp_path / "data/datasets/uploads").glob("*-*")), "a directory is left")
        promise.measure(f"failed after at most {max(took_s):.1f} s")


@contextlib.contextmanager
def slow_sender(stack: Stack, name: str) -> Iterator[None]:
    """Announces an archive of a megabyte and sends its first four bytes."""
    url = httpx.URL(stack.url)
    head = f"POST /datasets?name={name} HTTP/1.1\r\nHost: {url.host}\r\nContent-Type: application/zip\r\n"
    with socket.create_connection((url.host, url.port or 80)) as connection:
        connection.sendall(f"{head}Content-Length: 1000000\r\n\r\n".encode() + b"PK\3\4")
        yield


def test_slow_uploads(ledger: Ledger, tmp_path: Path) -> None:
    took_s = []
    with (
        ledger.promise(
            "8 uploads that never finish their body, twice as many as conversions run at once: another upload is "
            "converted meanwhile",
            few=0,
            many=3,
        ) as promise,
        running_stack(tmp_path / "data", tmp_path / "log.txt") as stack,
        httpx.Client(base_url=stack.url, timeout=60) as api,
    ):
        for number in promise:
            with contextlib.ExitStack() as senders:
                for n in range(SLOW_SENDERS):
                    senders.enter_context(slow_sender(stack, f"slow{n}"))
                wait_until(lambda: len(list((tmp_path / "data/datasets/uploads").glob("*/upload.zip"))) == 8, 20)
                began_at = time.monotonic()
                answer = upload(api, f"pets{number}", zipped(two_classes()))
                promise.require(answer.status_code == 202, answer.text)
                wait_until(lambda: is_converted(api, f"pets{number}"), LIMIT_S)
                took_s.append(time.monotonic() - began_at)
                promise.require(api.get(f"/datasets/pets{number}").json()["state"] == "ready", "it is not ready")
            wait_until(lambda: not list((tmp_path / "data/datasets/uploads").glob("*-*")), 20)
        promise.measure(f"converted after at most {max(took_s):.1f} s")
