"""An API process of its own with a published network, and pictures built to cost much."""

import contextlib
import io
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import psutil
from PIL import Image

from model_store import open_store
from tests.busy_machine import exit_code, wait_until
from tests.running import free_port
from tests.unit.service.tiny_networks import publish

MB = 1_000_000


@dataclass
class Server:
    """A running `convserve api`."""

    url: str
    process: psutil.Process

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def memory_mb(self) -> float:
        """What it has for itself, and its share of what it has in common."""
        return int(self.process.memory_full_info().pss) / MB


@contextmanager
def running_server(directory: Path) -> Iterator[Server]:
    """The API without Redis and workers, which predicting does not need."""
    publish(open_store(str(directory / "store")))
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONVSERVE_")}
    environment |= {
        "CONVSERVE_DATA_DIR": str(directory),
        "CONVSERVE_STORE_URL": str(directory / "store"),
        "CONVSERVE_REDIS_URL": f"unix://{directory}/nobody-listens.sock",
        "CONVSERVE_PORT": str(port),
    }
    url = f"http://127.0.0.1:{port}"
    with (directory / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "api"], env=environment, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: _is_up(url), 60)
        yield Server(url, psutil.Process(process.pid))
    finally:
        process.terminate()
        exit_code(process, 60)


class Peak:
    """The most memory that a server had, while the block lasted."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.mb = 0.0

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(0.05):
            self.mb = max(self.mb, self._server.memory_mb())


def noise(width: int, height: int, kind: str, **options: object) -> bytes:
    """A picture that cannot be packed."""
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def mutated(chance: random.Random, picture: bytes) -> bytes:
    """The picture with some of its bytes changed, cut out, doubled or cut off, most often near its beginning."""
    data = bytearray(picture)
    for _ in range(chance.randint(1, 8)):
        at = int(len(data) * chance.random() ** 3)
        match chance.randrange(4):
            case 0:
                data[at : at + 4] = chance.randbytes(4)
            case 1:
                del data[at : at + chance.randint(1, 40)]
            case 2:
                data[at:at] = data[at : at + chance.randint(1, 200)]
            case _ if chance.random() < 0.2:
                del data[at + 30 :]
    return bytes(data)


def _is_up(url: str) -> bool:
    time.sleep(0.1)
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}/healthz").is_success
    return False
