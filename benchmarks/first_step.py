"""How soon a queued job trains: seconds from the claim to the end of its first step, with a warm worker.

    python -m benchmarks.first_step --datasets-dir DIR [--trials 7]

The jobs of one dataset are all queued at once, so that each but the first takes the spare trainer that was prepared
while the one before it trained. Writes `benchmarks/results/first_step.json`.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from tests.running import running_stack, submit, wait_for

RESULTS = Path(__file__).parent / "results"
DATASETS = [
    ("lenet5-fashion", "fashion_mnist_sample", 6),
    ("lenet5-fashion", "fashion_mnist", 1),
    ("cnn", "cifar10", 1),
]
SPARE_IS_READY_S = 15


def main() -> None:
    """Run the trials and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets-dir", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=7)
    arguments = parser.parse_args()
    report: dict[str, Any] = {
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "keras": version("keras"),
            "tensorflow": version("tensorflow"),
        }
    }
    with (
        tempfile.TemporaryDirectory() as directory,
        running_stack(
            Path(directory) / "data",
            Path(directory) / "log.txt",
            CONVSERVE_DATASETS_DIR=str(arguments.datasets_dir.resolve()),
        ) as stack,
        httpx.Client(base_url=stack.url, timeout=60) as api,
    ):
        time.sleep(SPARE_IS_READY_S)
        for architecture, dataset, epochs in DATASETS:
            seconds = _seconds(api, architecture, dataset, epochs, arguments.trials)
            row = {
                "median": statistics.median(seconds),
                "min": min(seconds),
                "max": max(seconds),
                "trials": len(seconds),
            }
            report[f"{architecture} on {dataset}"] = row
            print(architecture, dataset, json.dumps(row), flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "first_step.json").write_text(json.dumps(report, indent=1) + "\n")


def _seconds(api: httpx.Client, architecture: str, dataset: str, epochs: int, trials: int) -> list[float]:
    jobs = [
        submit(api, architecture=architecture, dataset=dataset, epochs=epochs, train_samples=None)
        for _ in range(trials)
    ]
    ended = [wait_for(api, job["id"], timeout_s=1200, poll_s=1) for job in jobs]
    files = [f"/models/{job['model']['name']}/versions/{job['model']['version']}/files" for job in ended]
    return [round(api.get(f"{path}/history.json").json()["first_step_seconds"], 3) for path in files]


if __name__ == "__main__":
    main()
