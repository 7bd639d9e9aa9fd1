"""Measures what a big store costs an API process: time to ready, memory, requests, time until a version is served.

    python -m benchmarks.scale --versions 100 1000 10000 100000 [--tree DIR ...]

A store on S3 (a small server in a process of its own, on this machine) is filled with so many versions, then an API
process of each tree serves it: `--tree` names copies of the project, for example of an earlier commit, which are
measured in the same run. Every number of a curve is of a new server. Up to 2,000 versions the first start finds no
snapshot and reads every manifest; a bigger store is filled together with the snapshot that such a start leaves there.
Four predictions a second are sent meanwhile, and nothing changes while requests are counted. On a machine that others
use, the processor time until an API is ready says more than the seconds. Writes `benchmarks/results/scale.json`.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from benchmarks.meanwhile import meanwhile
from benchmarks.scale.s3_server import COUNT
from benchmarks.scale.versions import BUCKET, LIVE, PREFIX
from benchmarks.serving.machine import machine
from tests.paths import PROJECT
from tests.running import free_port
from tests.s3 import s3_environment
from tests.unit.service.tiny_networks import grey_picture

RESULTS = PROJECT / "benchmarks" / "results" / "scale.json"
COUNTED_S = 60.0
LOOKED_AT_PER_S = 2000
"""Versions that the first look at the whole store gets through in a second, on a busy machine; it is not counted."""
PREDICTIONS_PER_S = 4.0
PATIENCE_S = 900.0
STARTS = 2
MOST_WITHOUT_SNAPSHOT = 2000
"""Versions; of more, the first start without one takes minutes."""
PUBLISH = """
import sys
from model_store import open_store
from tests.unit.service.tiny_networks import publish
publish(open_store(sys.argv[1]), sys.argv[2])
"""


def main() -> None:
    """Measure every tree with every number of versions."""
    parser = argparse.ArgumentParser(description="What a big store costs an API process.")
    parser.add_argument("--versions", type=int, nargs="+", default=[100, 1000, 10_000, 100_000])
    parser.add_argument("--files", type=int, default=4, help="of every version, its manifest included")
    parser.add_argument("--tree", type=Path, nargs="+", default=[PROJECT])
    options = parser.parse_args()
    curves = []
    for n_versions in options.versions:
        for tree in options.tree:
            curves.append(
                {"versions": n_versions, "code": commit_of(tree), **measured(tree, n_versions, options.files)}
            )
            print(json.dumps(curves[-1]), flush=True)
            RESULTS.write_text(
                json.dumps({"machine": machine(), "files": options.files, "curve": curves}, indent=2) + "\n"
            )


def commit_of(tree: Path) -> str:
    """The commit that a tree holds."""
    return subprocess.run(
        ["git", "-C", tree, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()


def measured(tree: Path, n_versions: int, n_files: int) -> dict[str, Any]:
    """Start a store and, twice, an API: the second start may find what the first one left in the store."""
    with TemporaryDirectory() as scratch, s3_server(n_versions, n_files) as endpoint:
        environment = {
            **os.environ,
            **s3_environment(endpoint),
            "PYTHONPATH": str(tree),
            "CONVSERVE_STORE_URL": f"s3://{BUCKET}/{PREFIX}",
            "CONVSERVE_DATA_DIR": scratch,
            "CONVSERVE_REDIS_URL": f"unix://{scratch}/no-server",
        }
        found: dict[str, Any] = {}
        for start in range(1, STARTS + 1):
            with api_process(tree, environment) as (url, ready_s, pid):
                found[f"ready_s, start {start}"] = round(ready_s, 2)
                found[f"ready_cpu_s, start {start}"] = round(cpu_s(pid), 2)
                found[f"pss_mb, start {start}"] = round(pss_mb(pid))
                if start == STARTS:
                    found |= in_service(url, endpoint, environment, tree, 5 + n_versions / LOOKED_AT_PER_S)
                    found["pss_mb, at the end"] = round(pss_mb(pid))
        return found


def in_service(url: str, endpoint: str, environment: dict[str, str], tree: Path, settling_s: float) -> dict[str, Any]:
    """Count requests while nothing changes, then publish and wait for the new version."""
    with httpx.Client(base_url=url, timeout=60) as api, steady_predictions(url) as latencies_s:
        time.sleep(settling_s)
        before = requests_so_far(endpoint)
        time.sleep(COUNTED_S)
        counted = {method: n - before.get(method, 0) for method, n in requests_so_far(endpoint).items()}
        subprocess.run(
            [sys.executable, "-c", PUBLISH, environment["CONVSERVE_STORE_URL"], LIVE],
            env=environment,
            cwd=tree,
            check=True,
        )
        published_at = time.monotonic()
        while predicted(api)["version"] == 1:
            time.sleep(0.02)
        served_s = time.monotonic() - published_at
    ordered = sorted(latencies_s)
    return {
        "requests_per_minute": round(sum(counted.values()) * 60 / COUNTED_S),
        "by_method": counted,
        "new_version_served_s": round(served_s, 2),
        "predict_p50_ms": round(1e3 * ordered[len(ordered) // 2], 1),
        "predict_max_ms": round(1e3 * ordered[-1], 1),
    }


def pss_mb(pid: int) -> float:
    """Memory of a process, with its share of what it shares."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) / 1000 for line in rollup.splitlines() if line.startswith("Pss:"))


def cpu_s(pid: int) -> float:
    """Processor time that a process has used, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def predicted(api: httpx.Client) -> dict[str, Any]:
    """One answer of the live model."""
    answer = api.post(f"/predict?model={LIVE}", content=grey_picture(3), headers={"Content-Type": "image/png"})
    answer.raise_for_status()
    found = answer.json()
    assert isinstance(found, dict)
    return found


@contextmanager
def steady_predictions(url: str) -> Iterator[list[float]]:
    """Send predictions at an even pace while the block lasts, and note how long each took."""
    latencies_s: list[float] = []

    def send(is_over: threading.Event) -> None:
        with httpx.Client(base_url=url, timeout=60) as api:
            while not is_over.wait(1 / PREDICTIONS_PER_S):
                began = time.perf_counter()
                predicted(api)
                latencies_s.append(time.perf_counter() - began)

    with meanwhile(send):
        yield latencies_s


def requests_so_far(endpoint: str) -> dict[str, int]:
    """How many requests the store has been sent, by method."""
    found = httpx.get(endpoint + COUNT, timeout=60).json()
    assert isinstance(found, dict)
    return found


@contextmanager
def s3_server(n_versions: int, n_files: int) -> Iterator[str]:
    """A filled server; its address."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.scale.s3_server", "--port", str(port)]
    command += ["--versions", str(n_versions), "--files", str(n_files)]
    command += ["--snapshot"] if n_versions > MOST_WITHOUT_SNAPSHOT else []
    with ended(subprocess.Popen(command, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)})):
        wait_for(f"http://127.0.0.1:{port}{COUNT}")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def api_process(tree: Path, environment: dict[str, str]) -> Iterator[tuple[str, float, int]]:
    """An API; its address, the seconds until it was ready, and its process id."""
    port = free_port()
    command = [sys.executable, "-m", "service.cli", "api", "--port", str(port)]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=tree, env=environment, stderr=subprocess.DEVNULL)
    with ended(process):
        wait_for(f"http://127.0.0.1:{port}/readyz")
        yield f"http://127.0.0.1:{port}", time.monotonic() - began, process.pid


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the process after the block."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(url: str) -> None:
    """Wait until an address answers 200."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if httpx.get(url, timeout=PATIENCE_S).status_code == 200:
                return
        time.sleep(0.05)
    raise TimeoutError(url)


if __name__ == "__main__":
    main()
