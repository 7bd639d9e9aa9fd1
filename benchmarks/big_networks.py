"""AlexNet, VGG16 and GoogLeNet at their native sizes, on a few dozen pictures of three shapes, through the product.

    python -m benchmarks.big_networks --datasets-dir DIR [--network vgg16] [--per-class 6]

Few pictures of cifar10 and of fashion_mnist, and made ones of stripes, are uploaded as datasets of their own: a job on
the whole of cifar10 would test 10,000 pictures at 224x224. Every job is trained for two epochs and published; `parity`
is the largest difference between its ONNX file's answers and Keras's. Prints a table and writes
`benchmarks/results/big_networks.json`.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.served import JOB_TIMEOUT_S, RESULTS, machine
from tests.archives import encoded, stripes, zipped
from tests.running import running_stack, submit, wait_for
from worker.datasets import load_dataset

NETWORKS = ("alexnet", "vgg16", "googlenet")
OWN_RECIPE = {"optimizer": None, "train_samples": None, "validation": "test", "batch_size": 16}


def main() -> None:
    """Train every network on every dataset and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets-dir", type=Path, required=True)
    parser.add_argument("--network", choices=NETWORKS, action="append", help="may be repeated; default: all")
    parser.add_argument("--per-class", type=int, default=6)
    arguments = parser.parse_args()
    archives = {
        "few-cifar10": _some_of("cifar10", arguments.datasets_dir, arguments.per_class),
        "few-fashion": _some_of("fashion_mnist", arguments.datasets_dir, arguments.per_class),
        "stripes": stripes(arguments.per_class * 5, seed=1, size=40),
    }
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        with (
            running_stack(home / "data", home / "log.txt") as stack,
            httpx.Client(base_url=stack.url, timeout=60) as api,
        ):
            for name, files in archives.items():
                _upload(api, name, zipped(files))
                for network in arguments.network or NETWORKS:
                    rows.append(_trained(api, network, name))
                    print(" | ".join(f"{value}" for value in rows[-1].values()), flush=True)
    RESULTS.mkdir(exist_ok=True)
    report = {"machine": machine(), "runs": rows}
    (RESULTS / "big_networks.json").write_text(json.dumps(report, indent=1) + "\n")


def _some_of(name: str, datasets_dir: Path, per_class: int) -> dict[str, bytes]:
    """The first pictures of every class, as files in class folders."""
    dataset = load_dataset(name, datasets_dir)
    files: dict[str, bytes] = {}
    for index, label in enumerate(dataset.info.classes):
        images = dataset.train_images[dataset.train_labels == index][:per_class]
        folder = label.replace("/", "-")
        files |= {f"{folder}/{number}.png": encoded(image) for number, image in enumerate(images)}
    return files


def _upload(api: httpx.Client, name: str, archive: bytes) -> None:
    files = {"file": (f"{name}.zip", archive, "application/zip")}
    answer = api.post("/datasets", files=files, data={"name": name}).raise_for_status()
    while True:
        dataset = api.get(answer.headers["location"]).json()
        if dataset["state"] == "ready":
            return
        if dataset["state"] == "failed":
            raise SystemExit(f"{name} was not converted: {dataset}")
        time.sleep(0.2)


def _trained(api: httpx.Client, network: str, dataset: str) -> dict[str, Any]:
    job = submit(api, architecture=network, dataset=dataset, epochs=2, **OWN_RECIPE)
    job = wait_for(api, job["id"], timeout_s=JOB_TIMEOUT_S, poll_s=1)
    if job["state"] != "succeeded":
        raise SystemExit(f"{network} on {dataset} {job['state']}: {job['error']}")
    version = f"/models/{job['model']['name']}/versions/{job['model']['version']}"
    manifest = api.get(f"{version}/files/manifest.json").json()
    return {
        "network": network,
        "dataset": dataset,
        "input_shape": manifest["input_shape"],
        "parameters": manifest["parameters"],
        "fit_seconds": round(manifest["metrics"]["fit_seconds"], 1),
        "loss": [round(loss, 3) for loss in job["history"]["loss"]],
        "parity": manifest["parity"],
    }


if __name__ == "__main__":
    main()
