"""Pictures that are large, hostile or damaged take the service away from nobody, and their memory comes back."""

import contextlib
import random
import socket
import threading
import time
from collections import Counter
from pathlib import Path

import httpx

from tests.archives import huge_webp
from tests.busy_machine import is_within
from tests.promises.costly_pictures import Peak, Server, mutated, noise, running_server
from tests.promises.ledger import Ledger, percentile
from tests.thoroughness import IS_LONG, tries
from tests.unit.service.connections import form, post

ATTACKERS = 5
STAYS_S = 0.3
LIMIT_S = 0.5
PEAK_MB, AFTER_MB = 600, 200


class Attack:
    """Clients that send a form of huge pictures and leave soon, again and again."""

    def __init__(self, server: Server, n_pictures: int) -> None:
        files, content_type = form(*((f"{n}.webp", huge_webp(8192, 2929)) for n in range(n_pictures)))
        self._request = post("/predict", files, content_type)
        self._port = server.port
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._attack) for _ in range(ATTACKERS)]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _attack(self) -> None:
        while not self._is_over.is_set():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port)) as connection:
                connection.settimeout(STAYS_S)
                connection.sendall(self._request)
                connection.recv(1000)


def predict_for(api: httpx.Client, seconds: float) -> list[float]:
    """Seconds that each answer to an ordinary photo took."""
    photo = noise(640, 480, "JPEG", quality=60)
    took = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        began_at = time.monotonic()
        api.post("/predict", content=photo, headers={"Content-Type": "image/jpeg"}).raise_for_status()
        took.append(time.monotonic() - began_at)
        time.sleep(0.1)
    return took


def memory_later(server: Server, seconds: float) -> float:
    """Megabytes that the API has so much later; in `make test`, as soon as they are few enough."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at and (IS_LONG or server.memory_mb() > AFTER_MB):
        time.sleep(0.2)
    return server.memory_mb()


def test_huge_pictures(ledger: Ledger, tmp_path: Path) -> None:
    with (
        ledger.promise(
            f"{ATTACKERS} clients that send forms of WebPs of 34 bytes and 24 million pixels, and leave after "
            f"{STAYS_S} s: a photo of 640x480 is answered within {LIMIT_S} s beside them",
            few=1,
            many=3,
        ) as promise,
        running_server(tmp_path) as server,
        httpx.Client(base_url=server.url, timeout=60) as api,
    ):
        for _ in promise:
            for n_pictures in (16, 64):  # few enough to be let in, and too many
                with Attack(server, n_pictures), Peak(server) as peak:
                    time.sleep(1)
                    took = predict_for(api, tries(5, 30))
                promise.require(is_within(max(took), LIMIT_S), f"{max(took):.2f} s beside {n_pictures} pictures")
                promise.require(peak.mb <= PEAK_MB, f"{peak.mb:.0f} MB")
                promise.measure(f"{n_pictures} pictures: at most {max(took):.2f} s, {peak.mb:.0f} MB")


def test_memory_comes_back(ledger: Ledger, tmp_path: Path) -> None:
    with (
        ledger.promise(
            f"forms of 30 MB one after the other: the API has at most {PEAK_MB} MB, and 30 s later at most {AFTER_MB}",
            few=1,
            many=1,
        ) as promise,
        running_server(tmp_path) as server,
        httpx.Client(base_url=server.url, timeout=300) as api,
    ):
        sound = [noise(1800, 1800, "PNG", compress_level=0)] * 3
        damaged = [b"\x89PNG\r\n\x1a\n" + random.Random(n).randbytes(10_000_000) for n in range(3)]
        for _ in promise:
            with Peak(server) as peak:
                for number in range(tries(12, 70)):
                    files = [("file", ("a.png", data)) for data in (damaged if number % 2 else sound)]
                    promise.require(api.post("/predict", files=files).status_code == 200, "a form was refused")
            after_mb = memory_later(server, tries(10, 30))
            promise.require(peak.mb <= PEAK_MB, f"{peak.mb:.0f} MB")
            promise.require(after_mb <= AFTER_MB, f"{after_mb:.0f} MB afterwards")
            promise.measure(f"{tries(12, 70)} forms: at most {peak.mb:.0f} MB, {after_mb:.0f} MB afterwards")


def test_mutated_pictures(ledger: Ledger, tmp_path: Path) -> None:
    n_pictures = tries(300, 10_000)
    with (
        ledger.promise(
            "mutated pictures of every format: 200, 413, 415, 422 and nothing else, p99 at most 100 ms, memory at most "
            f"{PEAK_MB} MB and then at most {AFTER_MB}",
            few=1,
            many=1,
        ) as promise,
        running_server(tmp_path) as server,
        httpx.Client(base_url=server.url, timeout=60) as api,
    ):
        chance = random.Random(5)
        pictures = [
            noise(320, 240, kind, **options)
            for kind, options in (
                ("JPEG", {}),
                ("JPEG", {"progressive": True}),
                ("PNG", {}),
                ("WEBP", {}),
                ("WEBP", {"lossless": True}),
                ("WEBP", {"exif": b"Exif\0\0"}),
                ("BMP", {}),
            )
        ]
        for _ in promise:
            took, codes = [], Counter[int]()
            with Peak(server) as peak:
                for _ in range(n_pictures):
                    data = mutated(chance, chance.choice(pictures))
                    began_at = time.monotonic()
                    answer = api.post("/predict", content=data, headers={"Content-Type": "application/octet-stream"})
                    took.append(time.monotonic() - began_at)
                    codes[answer.status_code] += 1
            after_mb = memory_later(server, 5)
            p99_ms = 1000 * percentile(took, 0.99)
            promise.require(set(codes) <= {200, 413, 415, 422}, f"{dict(codes)}")
            promise.require(is_within(p99_ms, 100), f"p99 {p99_ms:.0f} ms")
            promise.require(peak.mb <= PEAK_MB, f"{peak.mb:.0f} MB")
            promise.require(after_mb <= AFTER_MB, f"{after_mb:.0f} MB afterwards")
            promise.measure(
                f"{n_pictures} pictures, {dict(sorted(codes.items()))}, p99 {p99_ms:.0f} ms, at most "
                f"{max(took):.2f} s and {peak.mb:.0f} MB"
            )
