"""Epochs of the lesson's networks by the trainer's `fit` and by plain Keras, in turns: what a busy machine can tell.

    python -m benchmarks.epochs_in_turn --datasets-dir DIR [--rounds 5] [--pictures 10000] [--only cnn]

Two processes take turns: one epoch of the plain script's network, then one of ours, each with its validation. So the
ratio of two neighbours holds while the machine's speed drifts, which it does less in `benchmarks.lesson`, where whole
trainings follow one another. The first epoch, which traces, does not count. Writes
`benchmarks/results/epochs_in_turn.json`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.lesson import RECIPES
from benchmarks.served import RESULTS, machine

SIDES = ("plain", "ours")


def main() -> None:
    """Run the rounds and report, or be one of the two sides."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets-dir", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--pictures", type=int, help="training pictures of an epoch, validated on a fifth as many; default: all"
    )
    parser.add_argument("--only", action="append", help="architecture to run, may be repeated; default: all")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    names = arguments.only or [architecture for architecture, *_ in RECIPES]
    if arguments.side:
        _take_turns(arguments.side, names[0], arguments.pictures, arguments.datasets_dir)
        return
    path = RESULTS / "epochs_in_turn.json"
    report = json.loads(path.read_text()) if path.exists() else {}
    for name in names:
        report[name] = {"machine": machine(), **_in_turn(name, arguments)}
        print(name, json.dumps(report[name]), flush=True)
        path.write_text(json.dumps(report, indent=1) + "\n")


def _in_turn(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    pictures = ["--pictures", str(arguments.pictures)] if arguments.pictures else []
    command = [sys.executable, "-m", "benchmarks.epochs_in_turn", "--only", name, *pictures]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
    sides = [
        subprocess.Popen(
            [*command, "--datasets-dir", str(arguments.datasets_dir), "--side", side],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment | ({"TF_ENABLE_ONEDNN_OPTS": "1"} if side == "ours" else {}),  # as for every trainer
        )
        for side in SIDES
    ]
    try:
        rounds = [[_epoch(side) for side in sides] for _ in range(arguments.rounds + 1)][1:]
    finally:
        for side in sides:
            side.kill()
            side.wait()
    ratios = {
        measured: [round(ours[measured] / plain[measured], 3) for plain, ours in rounds]
        for measured in ("seconds", "cpu_seconds", "training_seconds")
    }
    medians = {
        side: {measured: round(statistics.median(each[index][measured] for each in rounds), 3) for measured in ratios}
        for index, side in enumerate(SIDES)
    }
    return {
        "training_pictures": arguments.pictures,
        "rounds": arguments.rounds,
        "medians": medians,
        "ratio": {measured: statistics.median(values) for measured, values in ratios.items()},
        "ratios": ratios,
    }


def _epoch(side: "subprocess.Popen[bytes]") -> dict[str, float]:
    assert side.stdin is not None
    assert side.stdout is not None
    side.stdin.write(b"go\n")
    side.stdin.flush()
    measured: dict[str, float] = json.loads(side.stdout.readline())
    return measured


def _take_turns(side: str, name: str, pictures: int | None, datasets_dir: Path) -> None:
    import keras  # noqa: PLC0415 - only the two sides need it
    import numpy as np  # noqa: PLC0415

    from benchmarks.plain_keras import NETWORKS  # noqa: PLC0415
    from worker.datasets import load_dataset  # noqa: PLC0415
    from worker.jobs.plan import plan  # noqa: PLC0415
    from worker.jobs.request import JobRequest  # noqa: PLC0415
    from worker.training.fitting import Training  # noqa: PLC0415
    from worker.training.preparation import prepare  # noqa: PLC0415

    began: dict[str, float] = {}

    class Turns(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
        """Waits for its turn before every epoch, and tells what the epoch took."""

        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            if not sys.stdin.readline():
                os._exit(0)
            began.update(seconds=time.monotonic(), cpu_seconds=time.process_time())

        def on_test_begin(self, logs: object = None) -> None:
            began["training_seconds"] = time.monotonic() - began["seconds"]

        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            took = {
                "seconds": time.monotonic() - began["seconds"],
                "cpu_seconds": time.process_time() - began["cpu_seconds"],
                "training_seconds": began["training_seconds"],
            }
            print(json.dumps(took), flush=True)

    dataset_name = next(dataset for architecture, dataset, *_ in RECIPES if architecture == name)
    dataset = load_dataset(dataset_name, datasets_dir)
    endless = 1000
    n_tested = None if pictures is None else pictures // 5  # the shares of cifar10
    if side == "ours":
        planned = plan(
            JobRequest(
                architecture=name,
                dataset=dataset_name,
                epochs=endless,
                validation="test",
                train_samples=pictures,
                test_samples=n_tested,
            )
        )
        ready = prepare(planned, dataset)
        Training(ready.network, ready.data, ready.validation, planned, None, lambda *_: None, watchers=[Turns()]).run()
        return
    build, optimizer, batch_size = NETWORKS[name]
    x_train, x_test = (images.astype("float32") / 255 for images in (dataset.train_images, dataset.test_images))
    y_train, y_test = (np.eye(10, dtype="float32")[labels] for labels in (dataset.train_labels, dataset.test_labels))
    network = build()
    network.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    network.fit(
        x_train[:pictures],
        y_train[:pictures],
        batch_size=batch_size,
        epochs=endless,
        validation_data=(x_test[:n_tested], y_test[:n_tested]),
        verbose=0,
        callbacks=[Turns()],
    )


if __name__ == "__main__":
    main()
