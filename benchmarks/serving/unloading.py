"""Whether memory comes back: loads a version, asks it, unloads it, 200 times, in this process.

    python -m benchmarks.serving.unloading

The preset `cnn`, 226,390 parameters; 64 pictures in each round. Writes the resident memory after some of the rounds to
`benchmarks/results/unloading.json`.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.serving.machine import machine
from model_store import open_store
from service.inference.c_memory import bound_heap
from service.inference.engine import Engine, EngineRules
from service.telemetry.metrics import Metrics
from service.telemetry.stages import Stages
from worker.telemetry.tracing import NoTracing

RESULTS = Path(__file__).parents[1] / "results" / "unloading.json"
ROUNDS, EVERY, SETTLED = 200, 20, 20
"""What is there after round `SETTLED` is the measure: by then everything was imported and allocated once."""


def measure_unloading() -> dict[str, object]:
    """Run the rounds, and say what the memory came to."""
    with tempfile.TemporaryDirectory(prefix="convserve-unloading-") as place:
        subprocess.run([sys.executable, "-m", "benchmarks.serving.store", place], check=True, capture_output=True)
        found = asyncio.run(_rounds(Path(place)))
    return {
        "machine": machine("numpy", "onnxruntime"),
        "rounds": ROUNDS,
        "resident_mib_after_round": {number: round(mib, 2) for number, mib in found.items()},
        "grown_mib": round(found[ROUNDS] - found[SETTLED], 2),
    }


async def _rounds(directory: Path) -> dict[int, float]:
    store = open_store((directory / "store").as_uri())
    engine = Engine(store, Stages(Metrics(), NoTracing()), EngineRules())
    manifest = store.manifest("cnn", 1)
    pictures = np.zeros((64, *manifest.input_shape), np.uint8)
    await engine.infer(manifest, pictures)
    found = {0: _resident_mib()}  # loaded for the first time
    for number in range(1, ROUNDS + 1):
        await engine.infer(manifest, pictures)
        engine.forget(manifest.model)
        if number % EVERY == 0:
            await asyncio.sleep(0.2)  # the memory is given back a moment later
            found[number] = _resident_mib()
    engine.close()
    return found


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Measure, write and print."""
    bound_heap()
    report = measure_unloading()
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
