"""The lesson's own recipes through the service, beside the same trainings as plain Keras scripts.

    python -m benchmarks.lesson --datasets-dir DIR [--trials 1] [--epochs 2] [--only cnn] [--only lenet5-fashion]

Each trial runs the service's job and the plain script one after the other, so that the ratio of the two `fit` times
holds while the machine's speed drifts. The plain script runs with TensorFlow as it comes, the service's job with
oneDNN switched on as for every trainer. Writes `benchmarks/results/lesson.json`, one line per trial on the screen.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.served import RESULTS, machine, served

# Architecture, dataset, epochs, and the last validation accuracy that the lesson printed.
RECIPES = [
    ("cnn", "cifar10", 10, 0.6156),
    ("cnn-wide", "cifar10", 10, 0.7045),
    ("lenet5-fashion", "fashion_mnist", 10, 0.8174),
]


def main() -> None:
    """Run the trials and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets-dir", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--epochs", type=int, help="of every training; default: the lesson's")
    parser.add_argument("--only", action="append", help="architecture to run, may be repeated; default: all")
    arguments = parser.parse_args()
    datasets_dir = arguments.datasets_dir.resolve()
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(arguments.trials):
            for architecture, dataset, lessons_epochs, lesson in RECIPES:
                if architecture in (arguments.only or [architecture]):
                    epochs = arguments.epochs or lessons_epochs
                    plain = _plain(architecture, dataset, epochs, datasets_dir)
                    body = {"architecture": architecture, "dataset": dataset, "epochs": epochs}
                    history = served(Path(directory), datasets_dir, body)
                    rows.append(_row(architecture, dataset, lesson, history, plain))
                    print(json.dumps(rows[-1]), flush=True)
    RESULTS.mkdir(exist_ok=True)
    report = {"machine": machine(), "medians": _medians(rows), "trials": rows}
    (RESULTS / "lesson.json").write_text(json.dumps(report, indent=1) + "\n")


def _medians(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Per architecture, the median of every number."""
    return {
        architecture: {
            name: statistics.median(row[name] for row in rows if row["architecture"] == architecture)
            for name, value in rows[0].items()
            if isinstance(value, float)
        }
        for architecture in {row["architecture"] for row in rows}
    }


def _plain(architecture: str, dataset: str, epochs: int, datasets_dir: Path) -> dict[str, Any]:
    command = [sys.executable, "benchmarks/plain_keras.py", architecture, dataset, "--epochs", str(epochs)]
    answer = subprocess.run(
        [*command, "--datasets-dir", str(datasets_dir)],
        check=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": "."},
    )
    result: dict[str, Any] = json.loads(answer.stdout)
    return result


def _row(
    architecture: str, dataset: str, lesson: float, history: dict[str, Any], plain: dict[str, Any]
) -> dict[str, Any]:
    return {
        "architecture": architecture,
        "dataset": dataset,
        "epochs": len(history["val_accuracy"]),
        "lesson_last_val_accuracy": lesson,
        "last_val_accuracy": round(history["val_accuracy"][-1], 4),
        "best_val_accuracy": round(max(history["val_accuracy"]), 4),
        "plain_last_val_accuracy": round(plain["val_accuracy"][-1], 4),
        "plain_best_val_accuracy": round(max(plain["val_accuracy"]), 4),
        "fit_seconds": round(history["fit_seconds"], 1),
        "plain_fit_seconds": round(plain["fit_seconds"], 1),
        "ratio": round(history["fit_seconds"] / plain["fit_seconds"], 3),
        "cpu_ratio": round(history["fit_cpu_seconds"] / plain["fit_cpu_seconds"], 3),
        "first_step_seconds": round(history["first_step_seconds"], 2),
    }


if __name__ == "__main__":
    main()
