"""What the training benchmarks share: one job through a real `convserve up`, and the machine it ran on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from tests.running import running_stack, submit, wait_for

RESULTS = Path(__file__).parent / "results"
JOB_TIMEOUT_S = 2 * 3600


def served(directory: Path, datasets_dir: Path, body: dict[str, Any], **environment: str) -> dict[str, Any]:
    """Train one job and return its `history.json`, with the test accuracy of the published version.

    Args:
        directory: for the stack's data and log; kept between calls.
        datasets_dir: the datasets' official files.
        body: the job; what it leaves out has the product's defaults, and validation is on the test split.
        environment: further variables for the stack's processes.

    Raises:
        SystemExit: the job did not succeed.
    """
    # `submit` fills in a tiny job's settings; null brings back the product's own defaults.
    defaults = {"epochs": None, "train_samples": None, "optimizer": None, "batch_size": None, "validation": "test"}
    with (
        running_stack(
            directory / "data", directory / "log.txt", CONVSERVE_DATASETS_DIR=str(datasets_dir), **environment
        ) as stack,
        httpx.Client(base_url=stack.url, timeout=60) as api,
    ):
        job = wait_for(api, submit(api, **defaults | body)["id"], timeout_s=JOB_TIMEOUT_S, poll_s=2)
        if job["state"] != "succeeded":
            raise SystemExit(f"the job {job['state']}: {job['error']}")
        files = f"/models/{job['model']['name']}/versions/{job['model']['version']}/files"
        history: dict[str, Any] = api.get(f"{files}/history.json").json()
        tested = {name: value for name, value in job["model"].items() if name.endswith("test_accuracy")}
        return history | tested


def machine() -> dict[str, str]:
    """Hardware and versions, for a report."""
    return {
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "python": platform.python_version(),
        "keras": version("keras"),
        "tensorflow": version("tensorflow"),
    }


def _processor() -> str:
    """The processor's name, and which of the vector instructions that training most depends on it has."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor() or platform.machine()
    lines = dict(line.split(":", 1) for line in cpuinfo.read_text().splitlines() if ":" in line)
    fields = {name.strip(): value.strip() for name, value in lines.items()}
    vectors = [
        name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in fields.get("flags", "").split()
    ]
    return f"{fields.get('model name', platform.machine())} ({', '.join(vectors) or 'no AVX2'})"
