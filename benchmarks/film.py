"""What a film costs: the same training with and without it, in processor seconds of the whole `fit`, alternating.

    python -m benchmarks.film [--trials 4] [--epochs 10] [--architecture lenet5-fashion]

It trains on the sample in the package. Writes `benchmarks/results/film.json`.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import keras

from benchmarks.serving.machine import machine
from worker.datasets import Dataset, load_dataset
from worker.jobs.plan import TrainingPlan, plan
from worker.jobs.request import JobRequest
from worker.training.film_recorder import FilmRecorder
from worker.training.fitting import Training
from worker.training.preparation import prepare

REPORT = Path(__file__).parent / "results" / "film.json"
DATASET = "fashion_mnist_sample"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--architecture", default="lenet5-fashion")
    arguments = parser.parse_args()
    request = {"architecture": arguments.architecture, "dataset": DATASET, "epochs": arguments.epochs, "seed": 1}
    training = plan(JobRequest.model_validate(request))
    dataset = load_dataset(DATASET, Path("unused"))
    cpu_seconds(training, dataset, is_filmed=True)  # what is loaded and compiled once for the process
    with_film: list[float] = []
    without: list[float] = []
    recorders: list[float] = []
    for trial in range(arguments.trials):
        for is_filmed in (True, False) if trial % 2 else (False, True):
            seconds, recorder = cpu_seconds(training, dataset, is_filmed=is_filmed)
            (with_film if is_filmed else without).append(seconds)
            recorders += [recorder] if is_filmed else []
    report = {
        "machine": machine("keras", "tensorflow"),
        "request": request,
        "cpu_s_with": [round(each, 2) for each in with_film],
        "cpu_s_without": [round(each, 2) for each in without],
        "cpu_s_of_the_recorder": [round(each, 3) for each in recorders],
        "cost_by_medians": round(statistics.median(with_film) / statistics.median(without) - 1, 4),
        "cost_by_recorder": round(statistics.median(recorders) / statistics.median(without), 4),
    }
    print(json.dumps(report, indent=1))
    REPORT.write_text(json.dumps(report, indent=1) + "\n")


def cpu_seconds(training: TrainingPlan, dataset: Dataset, *, is_filmed: bool) -> tuple[float, float]:
    """Processor seconds of a whole `fit`, and those that the recorder counts itself."""
    keras.utils.set_random_seed(training.seed)
    prepared = prepare(training, dataset)
    network, data, validation = prepared.network, prepared.data, prepared.validation
    recorder = FilmRecorder(training, dataset, validation, len(data)) if is_filmed else None
    began = time.process_time()
    Training(network, data, validation, training, None, lambda *_: None, watchers=[recorder] if recorder else []).run()
    if recorder is not None:
        recorder.film(network, training.epochs)
    return time.process_time() - began, 0.0 if recorder is None else recorder.seconds


if __name__ == "__main__":
    main()
