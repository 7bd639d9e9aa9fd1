"""Uploads a 1 GB zip of class folders to a real API process, and watches its memory and its converter's.

`python -m benchmarks.dataset_upload` writes benchmarks/results/dataset_upload.json. The pictures are JPEG files of
noise, which no compression makes smaller; each is different. Needs about 2.5 GB of disk for a while.
"""

import argparse
import io
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image

from tests.running import free_port

RESULT = Path(__file__).parent / "results" / "dataset_upload.json"
N_CLASSES = 10
SIDE = 448
MIB = 1024 * 1024
SAMPLE_EVERY_S = 0.05


def write_archive(path: Path, size_bytes: int) -> int:
    """Write a zip of about this size, and return how many pictures it holds."""
    random = np.random.default_rng(1)
    n = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        while path.stat().st_size < size_bytes:
            pixels = random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "JPEG", quality=92)
            archive.writestr(f"noise/class {n % N_CLASSES}/{n:06d}.jpg", buffer.getvalue())
            n += 1
    return n


class MemoryWatch:
    """Samples the PSS of a process and of its children, in MB, until it is stopped."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._is_over = threading.Event()
        self.api: list[float] = []
        self.converter: list[float] = []
        self.converter_cpu_s = 0.0
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> None:
        """End the sampling."""
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(SAMPLE_EVERY_S):
            self.api.append(_pss_mb(self._process))
            for child in self._process.children():
                self.converter.append(_pss_mb(child))
                self.converter_cpu_s = max(self.converter_cpu_s, _cpu_s(child))


def _pss_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.Error:
        return 0.0


def _cpu_s(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:2]))
    except psutil.Error:
        return 0.0


def measure(size_bytes: int) -> dict[str, Any]:
    """One upload, from an API that has just started to a dataset that is ready."""
    with tempfile.TemporaryDirectory(prefix="convserve-upload-") as directory:
        archive = Path(directory) / "noise.zip"
        began = time.perf_counter()
        n_pictures = write_archive(archive, size_bytes)
        print(f"{n_pictures} pictures written in {time.perf_counter() - began:.0f} s")
        port = free_port()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CONVSERVE_")}
        environment |= {
            "CONVSERVE_DATA_DIR": f"{directory}/data",
            "CONVSERVE_PORT": str(port),
            "CONVSERVE_REDIS_URL": f"unix://{directory}/nobody-listens.sock",
        }
        api = subprocess.Popen([sys.executable, "-m", "service.cli", "api"], env=environment, stderr=subprocess.DEVNULL)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600) as client:
                return _upload(client, api, archive, n_pictures)
        finally:
            api.send_signal(signal.SIGTERM)
            api.wait(30)


def _upload(client: httpx.Client, api: subprocess.Popen[bytes], archive: Path, n_pictures: int) -> dict[str, Any]:
    _wait_until_alive(client)
    client.get("/datasets").raise_for_status()
    process = psutil.Process(api.pid)
    before_mb = _pss_mb(process)
    watch = MemoryWatch(process)
    began = time.perf_counter()
    answer = client.post(
        "/datasets",
        params={"name": "noise", "image_size": "64"},
        content=_chunks(archive),
        headers={"Content-Type": "application/zip", "Content-Length": str(archive.stat().st_size)},
    )
    accepted_s = time.perf_counter() - began
    assert answer.status_code == 202, answer.text
    while (dataset := client.get("/datasets/noise").json())["state"] == "converting":
        time.sleep(0.25)
    ready_s = time.perf_counter() - began
    watch.stop()
    assert dataset["state"] == "ready", dataset
    assert dataset["train"] + dataset["test"] == n_pictures
    return {
        "archive_mb": round(archive.stat().st_size / 1e6, 1),
        "pictures": n_pictures,
        "picture": f"JPEG, {SIDE} x {SIDE}, noise, to 64 x 64 RGB",
        "seconds_to_202": round(accepted_s, 2),
        "seconds_to_ready": round(ready_s, 2),
        "converter_cpu_seconds": round(watch.converter_cpu_s, 1),
        "api_pss_mb_before": round(before_mb, 1),
        "api_pss_mb_peak": round(max(watch.api), 1),
        "converter_pss_mb_peak": round(max(watch.converter), 1),
        "samples": len(watch.api),
        "leftovers": sum(path.is_file() for path in (archive.parent / "data" / "datasets").rglob("*")),
    }


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(MIB):
            yield chunk


def _wait_until_alive(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if client.get("/healthz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "the API did not start"
        time.sleep(0.1)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the archive; default 1000")
    parser.add_argument("--note", default="", help="conditions, written into the result")
    arguments = parser.parse_args()
    measured = measure(arguments.megabytes * 1_000_000)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version()}
    RESULT.write_text(json.dumps({"machine": machine, "note": arguments.note, **measured}, indent=1) + "\n")
    print(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
