"""How soon a training reaches an accuracy: our `fast` network beside the lesson's `cnn-wide`, through the product.

    python -m benchmarks.time_to_accuracy --datasets-dir DIR [--part fast] [--part lesson] [--trials 1]

Every part is one job, validated on the test split after each epoch as the lesson does; the time counted is the wall
time of `fit` up to the end of the first epoch whose val_accuracy is the target, graph building and validation included.
The product trains with oneDNN (TF_ENABLE_ONEDNN_OPTS=1), as TensorFlow does by itself where it finds AVX-512 VNNI;
`lesson-without-onednn`, only run when asked for, is what the lesson's script meets elsewhere; so is `large-0.94`, which
takes as long as the rest together. `fast-0.70` stops at 0.70: it sees 30,000 of the pictures, once and unchanged. The
parts of one trial run one after the other, so that the machine's drift meets all of them. Writes
`benchmarks/results/time_to_accuracy.json`.
"""

import argparse
import itertools
import json
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks.served import RESULTS, machine, served


@dataclass(frozen=True)
class Part:
    """A job, and the accuracies whose time is wanted."""

    body: Mapping[str, Any]
    targets: tuple[float, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


LESSON = MappingProxyType({"architecture": "cnn-wide", "dataset": "cifar10", "epochs": 10})
PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "fast": Part({"architecture": "fast", "dataset": "cifar10", "epochs": 1}, (0.70,)),
        "fast-0.70": Part(
            {"architecture": "fast", "dataset": "cifar10", "epochs": 1, "train_samples": 30_000, "augmentation": {}},
            (0.70,),
        ),
        "fast-4-epochs": Part({"architecture": "fast", "dataset": "cifar10", "epochs": 4}, (0.70, 0.78)),
        "fashion": Part({"architecture": "fast", "dataset": "fashion_mnist"}, (0.92,)),
        "lesson": Part(LESSON, (0.70,)),
        "large": Part({"architecture": "fast-large", "dataset": "cifar10"}, (0.78, 0.90)),
        "large-0.94": Part(
            {
                "architecture": "fast-large",
                "dataset": "cifar10",
                "epochs": 15,
                "test_time_augmentation": "flip_and_shift",
            },
            (0.90, 0.93),
        ),
        "lesson-without-onednn": Part(LESSON, (0.70,), {"TF_ENABLE_ONEDNN_OPTS": "0"}),
    }
)
DEFAULT = [name for name in PARTS if name not in {"lesson-without-onednn", "large-0.94"}]


def main() -> None:
    """Run the trials and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets-dir", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--part", choices=PARTS, action="append", help=f"may be repeated; default: {DEFAULT}")
    arguments = parser.parse_args()
    chosen = arguments.part or DEFAULT
    trials = []
    with tempfile.TemporaryDirectory() as directory:
        for seed in range(1, arguments.trials + 1):
            for name in chosen:
                trials.append(_trial(name, seed, arguments.datasets_dir.resolve(), Path(directory)))
                print(json.dumps(trials[-1]), flush=True)
    report = {"machine": machine(), "medians": _medians(trials), "trials": trials}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "time_to_accuracy.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report["medians"], indent=1))


def _trial(name: str, seed: int, datasets_dir: Path, directory: Path) -> dict[str, Any]:
    part = PARTS[name]
    history = served(directory, datasets_dir, {**part.body, "seed": seed}, **part.environment)
    seconds = _seconds_at_epoch_ends(history)
    accuracies = [round(accuracy, 4) for accuracy in history["val_accuracy"]]
    return {
        "part": name,
        "job": {**part.body, "seed": seed, "validation": "test"},
        "environment": dict(part.environment),
        "seconds_to": {f"{target:.2f}": _first(seconds, accuracies, target) for target in part.targets},
        "fit_seconds": round(history["fit_seconds"], 1),
        "fit_cpu_seconds": round(history["fit_cpu_seconds"], 1),
        "best_val_accuracy": max(accuracies),
        "last_val_accuracy": accuracies[-1],
        "test_accuracy": round(history["test_accuracy"], 4),
        **{name: round(history[name], 4) for name in ("tta_test_accuracy",) if name in history},
        "seconds": seconds,
        "val_accuracy": accuracies,
    }


def _seconds_at_epoch_ends(history: dict[str, Any]) -> list[float]:
    """Wall seconds from the start of `fit` to the end of each epoch; what lies outside of epochs counts as before."""
    before = history["fit_seconds"] - sum(history["epoch_seconds"])
    return [round(before + seconds, 1) for seconds in accumulate(history["epoch_seconds"])]


def _first(seconds: list[float], accuracies: list[float], target: float) -> float | None:
    reached = (at for at, accuracy in zip(seconds, accuracies, strict=True) if accuracy >= target)
    return next(reached, None)


def _medians(trials: list[dict[str, Any]]) -> dict[str, Any]:
    """Per part the median seconds to each target, null where a trial missed it; and `fast` against the lesson."""
    medians: dict[str, Any] = {}
    for name in dict.fromkeys(trial["part"] for trial in trials):
        reached = [trial["seconds_to"] for trial in trials if trial["part"] == name]
        medians[name] = {target: _median([row[target] for row in reached]) for target in reached[0]}
    for ours, theirs in itertools.product(("fast", "fast-0.70"), ("lesson", "lesson-without-onednn")):
        seconds = [medians.get(name, {}).get("0.70") for name in (ours, theirs)]
        if all(seconds):
            medians[f"{ours}: times sooner than {theirs}"] = round(seconds[1] / seconds[0], 1)
    return medians


def _median(seconds: list[float | None]) -> float | None:
    reached = [value for value in seconds if value is not None]
    return statistics.median(reached) if len(reached) == len(seconds) else None


if __name__ == "__main__":
    main()
