"""The API process alone: seconds from its start to the first `/readyz` 200, and its memory with one model loaded.

    python -m benchmarks.api_process --store DIR --model NAME --picture FILE [--trials 5]

`--store` is the store of a stack that has trained something, for example `convserve-data/store`. Memory is PSS, the
proportional set size of `/proc/PID/smaps_rollup` (Linux). Writes `benchmarks/results/api_process.json`.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import httpx

from tests.running import free_port

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run the trials and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--picture", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=5)
    arguments = parser.parse_args()
    trials = [_trial(arguments.store, arguments.model, arguments.picture) for _ in range(arguments.trials)]
    report = {
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "onnxruntime": version("onnxruntime"),
            "fastapi": version("fastapi"),
        },
        "trials": trials,
        "median": {name: statistics.median(trial[name] for trial in trials) for name in trials[0]},
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "api_process.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report["median"]))


def _trial(store: Path, model: str, picture: Path) -> dict[str, float]:
    port = free_port()
    environment = os.environ | {"CONVSERVE_STORE_URL": str(store.resolve()), "CONVSERVE_PORT": str(port)}
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "service.cli", "api"], env=environment, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as api:
            ready_s = _seconds_until_ready(api, started)
            answer = api.post(
                f"/models/{model}/predict", content=picture.read_bytes(), headers={"Content-Type": "image/png"}
            )
            answer.raise_for_status()
            first_answer_s = time.monotonic() - started
            for _ in range(100):
                api.post(f"/models/{model}/predict", files={"file": picture.read_bytes()}).raise_for_status()
        return {"ready_s": ready_s, "first_answer_s": first_answer_s, "pss_mb": _pss_mb(process.pid)}
    finally:
        process.terminate()
        process.wait()


def _seconds_until_ready(api: httpx.Client, started: float) -> float:
    while True:
        try:
            if api.get("/readyz").status_code == 200:
                return time.monotonic() - started
        except httpx.TransportError:
            time.sleep(0.01)


def _pss_mb(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    match = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    assert match is not None
    return int(match.group(1)) / 1024


if __name__ == "__main__":
    main()
