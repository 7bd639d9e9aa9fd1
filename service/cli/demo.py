"""`convserve demo`: the whole product on one machine, over HTTP like any client, in under a minute.

All its files stay in one directory. It starts the same stack as `convserve up` and talks to it with the same client as
`convserve train` and `convserve predict`. It ignores settings in the environment and discards its jobs, so that it
neither disturbs other work nor waits for jobs of an interrupted demo.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from service.cli.client import Client, JsonObject
from service.cli.environment import read_settings
from service.cli.listening import listen
from service.cli.predict import ask
from service.cli.server import default_url
from service.cli.signals import StopSignals
from service.cli.stack.data_directory import DataDirectory
from service.cli.stack.lines import StatusLines
from service.cli.stack.stack import Stack
from service.cli.train import curves_path, report_end, watch
from service.settings import ApiSettings
from worker.artifacts import CURVES_PICTURE, KERAS_FILE
from worker.datasets import load_dataset
from worker.jobs.records import JobRecord

REQUEST: JsonObject = {
    "architecture": "lenet5-fashion",
    "dataset": "fashion_mnist_sample",
    "epochs": 12,
    "optimizer": "adam",
    "batch_size": 32,
    "seed": 1,
}
N_PICTURES = 6
TOP_K = 3
WORKER_STOP_LIMIT_S = 3.0  # the demo discards its jobs, so an interrupted training need not be saved


def run_demo(directory: Path) -> None:
    """Start the stack, train, classify and stop."""
    started_at = time.monotonic()
    console = Console()
    with (
        StopSignals() as signals,
        DataDirectory(directory) as data,
        (data.path / "demo.log").open("w") as log,
        listen("127.0.0.1", 0) as listener,
        TemporaryDirectory(prefix="convserve-demo-", ignore_cleanup_errors=True) as jobs,
        Stack(
            data,
            listener,
            _unconfigured(os.environ),
            signals,
            StatusLines(log),
            jobs_dir=Path(jobs),
            worker_stop_limit_s=WORKER_STOP_LIMIT_S,
        ) as stack,
    ):
        console.print("Starting the API, a worker and a private Valkey server. Log file:", log.name, soft_wrap=True)
        stack.start()
        with signals.interrupting(), Client(stack.url) as client:
            curves = _train_and_classify(client, data.path, console)
        console.print("Stopping everything ...")
    console.print(f"Done in {time.monotonic() - started_at:.0f} s. Training curves:", curves, soft_wrap=True)
    console.print(
        _what_next(default_url(read_settings(ApiSettings)), directory), soft_wrap=True, highlight=False, markup=False
    )


def _unconfigured(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("CONVSERVE_")}


def _train_and_classify(client: Client, directory: Path, console: Console) -> Path:
    """Train and classify over HTTP; returns the path of the curves picture."""
    console.print(f"\nTraining {REQUEST['architecture']} on {REQUEST['dataset']} over HTTP\n")
    job = watch(client, JobRecord.model_validate(client.post("/jobs", REQUEST)), console)
    curves = directory / CURVES_PICTURE
    curves.write_bytes(client.download(curves_path(report_end(job, console))))

    console.print("\nClassifying pictures that the network has never seen\n")
    pictures = write_pictures(directory / "pictures", directory / "datasets")
    answer = ask(client, "/predict", [(path.name, path.read_bytes()) for path in pictures], TOP_K)
    console.print(_table(pictures, answer))
    return curves


def write_pictures(target: Path, datasets_dir: Path) -> dict[Path, str]:
    """Write the first test picture of several classes as PNG files.

    Args:
        target: directory for the files; created if it is missing.
        datasets_dir: directory of the datasets.

    Returns:
        The true label of each file.
    """
    dataset = load_dataset(str(REQUEST["dataset"]), datasets_dir)
    target.mkdir(exist_ok=True)
    labels: dict[Path, str] = {}
    for index in np.linspace(0, len(dataset.info.classes) - 1, N_PICTURES).round().astype(int).tolist():
        first = int(np.flatnonzero(dataset.test_labels == index)[0])
        label = dataset.info.classes[index]
        path = target / f"{label.lower().replace(' ', '-').replace('/', '-')}.png"
        Image.fromarray(dataset.test_images[first].squeeze()).save(path)
        labels[path] = label
    return labels


def _table(pictures: dict[Path, str], answer: JsonObject) -> Table:
    table = Table()
    for column in ("picture", "true label", "top-3"):
        table.add_column(column)
    for (path, label), prediction in zip(pictures.items(), answer["predictions"], strict=True):
        colour = "green" if prediction["label"] == label else "red"
        guesses = ", ".join(f"{guess['label']} {guess['probability']:.0%}" for guess in prediction["top_k"])
        table.add_row(path.name, label, f"[{colour}]{guesses}[/{colour}]")
    return table


def _what_next(url: str, directory: Path) -> str:
    picture = next((directory / "pictures").glob("*.png"))
    return (
        "\nStart a server that keeps running with `make run` or `convserve up`, and use it with curl:\n"
        f"  curl {url}/jobs -H 'Content-Type: application/json' -d '{json.dumps(REQUEST)}'\n"
        f"  curl {url}/predict -F file=@{picture}\n"
        f"  curl -O {url}/models/{REQUEST['dataset']}-{REQUEST['architecture']}/versions/1/files/{KERAS_FILE}"
    )
