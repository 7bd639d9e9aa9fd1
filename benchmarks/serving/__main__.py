"""How fast pictures are answered, beside servers a user could write instead, on the same core in the same run.

    python -m benchmarks.serving [--against onnxruntime,predict] [--trials 3] [--priority "nice -n -20"]
                                 [--before DIRECTORY]

The server is pinned on core 0 and the client on core 1. The preset `cnn`, untrained, and pictures drawn by chance; no
line of log per request on any side. `--priority` keeps other programs off both cores. `chrt -f` is no good for it: a
thread of the server then never runs while another one has work, so that it stops reading the store and answers some
requests the slow way, and Linux pauses such programs for 50 ms in a second. `--before` measures another
checkout of convserve in the same run and writes no file. Else writes
`benchmarks/results/serving.json` and, from 200 rounds of loading and unloading, `benchmarks/results/unloading.json`.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.serving.bench import Bench, medians
from benchmarks.serving.machine import machine
from benchmarks.serving.servers import NAIVE, checkout

RESULTS = Path(__file__).parents[1] / "results" / "serving.json"
PACKAGES = ("fastapi", "numpy", "onnxruntime", "pillow", "python-multipart", "starlette", "uvicorn", "uvloop")


def main() -> None:
    """Measure, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", default="onnxruntime", help=f"comma-separated, of: {', '.join(NAIVE)}")
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--priority", default="")
    parser.add_argument("--before", type=Path)
    arguments = parser.parse_args()
    found_at = machine(*PACKAGES)  # before our own load
    with tempfile.TemporaryDirectory(prefix="convserve-serving-") as place:
        subprocess.run([sys.executable, "-m", "benchmarks.serving.store", place], check=True, capture_output=True)
        others = [NAIVE[name] for name in arguments.against.split(",") if name]
        if arguments.before:
            others.append(checkout(arguments.before))
        bench = Bench(Path(place), shlex.split(arguments.priority), arguments.seconds)
        trials = [bench.trial(others) for _ in range(arguments.trials)]
    report = {
        "machine": found_at,
        "priority": arguments.priority,
        "median": medians(trials),
        "trials": trials,
    }
    print(json.dumps(report["median"], indent=1))
    if arguments.before:
        return
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")
    subprocess.run([sys.executable, "-m", "benchmarks.serving.unloading"], check=True)


if __name__ == "__main__":
    main()
