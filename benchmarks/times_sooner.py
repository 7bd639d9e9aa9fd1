"""How many times sooner `fast` is at 0.70 of `cifar10` than the lesson's `cnn-wide`, where that would take minutes.

    python -m benchmarks.times_sooner --datasets-dir DIR [--rounds 3]

In one process and in turn, as a job trains, with its film and the validation on the test split, but without server and
store. `fast` trains as a whole, by options that stop at 0.70 (`fast-0.70` of `benchmarks.time_to_accuracy`). Of
`cnn-wide` only some steps run: two trainings of two epochs, of 100 and of 300 steps, whose second epochs tell what a
step takes and what a validation takes. From that an epoch of 1,563 steps is calculated, of which the lesson needs seven
for 0.70 (`benchmarks/results/time_to_accuracy.json`). Both are counted in seconds and in seconds of processor time,
which other work on the machine changes less. `python -m benchmarks.time_to_accuracy` runs both as a whole.

Writes `benchmarks/results/times_sooner.json`.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras

from benchmarks.served import RESULTS, machine
from benchmarks.time_to_accuracy import LESSON, PARTS
from worker.datasets import Dataset
from worker.datasets.copies import open_built_in
from worker.jobs.plan import plan
from worker.jobs.request import JobRequest
from worker.training.film_recorder import FilmRecorder
from worker.training.fitting import Fit, Training
from worker.training.preparation import prepare
from worker.training.warmup import warm_up

TARGET = 0.70
LESSON_EPOCHS = 7
LESSON_BATCH = 32
STEPS_OF_AN_EPOCH = 1563
FEW_STEPS, MORE_STEPS = 100, 300


class Clock(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Seconds and seconds of processor time of the last epoch, validation included."""

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Start."""
        self._began = time.monotonic(), time.process_time()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Stop."""
        self.seconds = time.monotonic() - self._began[0], time.process_time() - self._began[1]


def main() -> None:
    """Run the rounds and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets-dir", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    dataset = open_built_in("cifar10", arguments.datasets_dir.resolve()).dataset
    warm_up()
    rounds = [_round(dataset, seed) for seed in range(1, arguments.rounds + 1)]
    names = ("times_sooner", "times_less_processor_time")
    medians = {name: statistics.median(one[name] for one in rounds) for name in names}
    report = {"machine": machine(), "job": dict(PARTS["fast-0.70"].body), "medians": medians, "rounds": rounds}
    (RESULTS / "times_sooner.json").write_text(json.dumps(report, indent=1) + "\n")


def _round(dataset: Dataset, seed: int) -> dict[str, float]:
    fit, _ = _fit(dataset, {**PARTS["fast-0.70"].body, "seed": seed})
    ours = fit.account.seconds, fit.account.cpu_seconds
    accuracy = fit.history.val_accuracy[-1]
    if accuracy < TARGET:
        raise SystemExit(f"fast ended with {accuracy:.4f}")
    few, more = (_second_epoch(dataset, steps, seed) for steps in (FEW_STEPS, MORE_STEPS))
    step = [(longer - shorter) / (MORE_STEPS - FEW_STEPS) for shorter, longer in zip(few, more, strict=True)]
    epoch = [shorter + (STEPS_OF_AN_EPOCH - FEW_STEPS) * one for shorter, one in zip(few, step, strict=True)]
    lesson = [LESSON_EPOCHS * one for one in epoch]
    found = {
        "fast_seconds": round(ours[0], 2),
        "fast_cpu_seconds": round(ours[1], 2),
        "fast_val_accuracy": round(accuracy, 4),
        "lesson_step_ms": round(1000 * step[0], 2),
        "lesson_step_cpu_ms": round(1000 * step[1], 2),
        "lesson_seconds": round(lesson[0], 1),
        "lesson_cpu_seconds": round(lesson[1], 1),
        "times_sooner": round(lesson[0] / ours[0], 1),
        "times_less_processor_time": round(lesson[1] / ours[1], 1),
    }
    print(json.dumps(found), flush=True)
    return found


def _second_epoch(dataset: Dataset, steps: int, seed: int) -> tuple[float, float]:
    body = {**LESSON, "epochs": 2, "train_samples": LESSON_BATCH * steps, "batch_size": LESSON_BATCH, "seed": seed}
    return _fit(dataset, body)[1]


def _fit(dataset: Dataset, body: Mapping[str, Any]) -> tuple[Fit, tuple[float, float]]:
    """A training, and the times of its last epoch."""
    planned = plan(JobRequest.model_validate({**body, "validation": "test"}))
    keras.backend.clear_session()
    prepared = prepare(planned, dataset)
    clock, film = Clock(), FilmRecorder(planned, dataset, prepared.validation, len(prepared.data))
    training = Training(
        prepared.network, prepared.data, prepared.validation, planned, None, lambda *_: None, watchers=[film, clock]
    )
    return training.run(), clock.seconds


if __name__ == "__main__":
    main()
