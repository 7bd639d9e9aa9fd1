"""Few pictures become a classifier behind a URL: how good, and how soon.

    python -m benchmarks.photos --datasets-dir DIR [--part thousand] [--photos FOLDER] [--test-pictures 2000]

Parts: `thousand`: 1,000 training pictures of CIFAR-10 in class folders are zipped and uploaded, and a head is trained
on ImageNet features; counted is the time from the first byte of the upload to the published version. `ten`: the same
with 10 per class, beside `fast` from nothing on the same dataset. `by-hand`: the same backbone and head as a Keras
script, without the product. `latency`: a JPEG of 640 x 480, one request after the other. `--photos` does what
`thousand` does with a folder of class folders of one's own. Accuracy is on pictures of the official test split (for
`--photos`, on the dataset's own test split).
Writes `benchmarks/results/photos.json`, with the load of the machine beside each time.
"""

import argparse
import io
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED

import httpx
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from benchmarks.photos.by_hand import train_by_hand
from benchmarks.served import RESULTS, machine
from tests.archives import zipped
from tests.running import running_stack, wait_for
from worker.artifacts import INPUT_TENSOR, ONNX_FILE, OUTPUT_TENSOR
from worker.datasets import Dataset, load_dataset
from worker.pictures.hard_pixels import png_of
from worker.pictures.pixels import to_unit_range

EFFICIENT = "efficientnet-lite0"
PARTS = ("thousand", "ten", "by-hand", "latency")
SEED, REQUESTS = 7, 100
Images = NDArray[np.uint8]


def main() -> None:
    """Run the parts and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets-dir", type=Path, required=True)
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--photos", type=Path, help="a folder with a folder for each class")
    parser.add_argument("--test-pictures", type=int, default=2000)
    arguments = parser.parse_args()
    cifar = load_dataset("cifar10", arguments.datasets_dir)
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as directory:
        for part in arguments.part or PARTS:
            for result in _run(part, cifar, Path(directory), arguments.test_pictures):
                results.append({"part": part, **result, "load": round(os.getloadavg()[0], 1)})
                print(json.dumps(results[-1]), flush=True)
        if arguments.photos:
            with _stack(Path(directory)) as api:
                results.append({"part": "photos", **_published(api, _zipped_folder(arguments.photos), "photos")})
                print(json.dumps(results[-1]), flush=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "photos.json").write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")


def _run(part: str, cifar: Dataset, directory: Path, n_test: int) -> Iterator[dict[str, Any]]:
    test = cifar.test_images[:n_test], cifar.test_labels[:n_test]
    per_class = 10 if part == "ten" else 100
    rows = np.concatenate([np.flatnonzero(cifar.train_labels == label)[:per_class] for label in range(10)])
    if part == "by-hand":
        yield train_by_hand(cifar.train_images[rows], cifar.train_labels[rows], *test, directory)
        return
    with _stack(directory / part) as api:
        archive = _zipped(cifar.train_images[rows], cifar.train_labels[rows], cifar.info.classes)
        for architecture in (EFFICIENT, "fast") if part == "ten" else (EFFICIENT,):
            found = _published(api, archive, f"{part}-{architecture}", architecture)
            found["accuracy"] = _accuracy(api, found["model"], *test, cifar.info.classes)
            yield found | (_latency(api, found["model"]) if part == "latency" else {})


@contextmanager
def _stack(directory: Path) -> Iterator[httpx.Client]:
    """A client of a stack whose trainer is ready."""
    directory.mkdir(parents=True, exist_ok=True)
    # At the trainers' usual niceness, anything else that the machine does would stop the training.
    running = running_stack(directory / "data", directory / "log.txt", CONVSERVE_TRAINER_NICENESS="0")
    with running as stack, httpx.Client(base_url=stack.url, timeout=120) as api:
        while not api.get("/queue").json().get("workers", 1):
            time.sleep(0.5)
        yield api


def _published(api: httpx.Client, archive: bytes, dataset: str, architecture: str = EFFICIENT) -> dict[str, Any]:
    """Upload, convert, train and publish; the time of it all."""
    began = time.monotonic()
    answer = api.post(
        "/datasets", content=archive, params={"name": dataset}, headers={"Content-Type": "application/zip"}
    )
    answer.raise_for_status()
    while (found := api.get(f"/datasets/{dataset}").json())["state"] == "converting":
        time.sleep(0.2)
    converted = time.monotonic()
    body = {"architecture": architecture, "dataset": dataset, "seed": SEED}
    job = wait_for(api, api.post("/jobs", json=body).json()["id"], timeout_s=3600, poll_s=0.5)
    if job["state"] != "succeeded":
        raise SystemExit(f"the job {job['state']}: {job['error']}")
    model = f"{job['model']['name']}/versions/{job['model']['version']}"
    history = api.get(f"/models/{model}/files/history.json").json()
    return {
        "architecture": architecture,
        "image_shape": found["image_shape"],
        "input_size": (job["request"]["overrides"] or {}).get("input_size"),
        "upload_s": round(converted - began, 1),
        "seconds": round(time.monotonic() - began, 1),
        "fit_s": round(history["fit_seconds"], 1),
        "fit_cpu_s": round(history["fit_cpu_seconds"], 1),
        "own_test_accuracy": job["model"]["test_accuracy"],
        "model": model,
    }


def _accuracy(
    api: httpx.Client, model: str, images: Images, labels: NDArray[np.int64], names: tuple[str, ...]
) -> float:
    """Share of right answers of the published ONNX file on other pictures of the same size."""
    classes = api.get(f"/models/{model}").json()["classes"]
    session = onnxruntime.InferenceSession(api.get(f"/models/{model}/files/{ONNX_FILE}").content)
    right = 0
    for start in range(0, len(images), 32):
        answers = session.run([OUTPUT_TENSOR], {INPUT_TENSOR: to_unit_range(images[start : start + 32])})[0]
        predicted = [classes[index] for index in answers.argmax(axis=1)]
        right += sum(name == names[label] for name, label in zip(predicted, labels[start : start + 32], strict=True))
    return round(right / len(images), 4)


def _latency(api: httpx.Client, model: str) -> dict[str, Any]:
    """Milliseconds of single predictions for a JPEG of 640 x 480, through HTTP."""
    noise = np.random.default_rng(0).integers(0, 256, (15, 20, 3), np.uint8)
    photo = io.BytesIO()
    Image.fromarray(noise).resize((640, 480), Image.Resampling.BICUBIC).save(photo, "JPEG", quality=90)
    path = f"/models/{model}/predict"
    times = []
    for _ in range(REQUESTS + 5):
        began = time.perf_counter()
        api.post(path, content=photo.getvalue(), headers={"Content-Type": "image/jpeg"}).raise_for_status()
        times.append(1000 * (time.perf_counter() - began))
    p50, p95 = np.percentile(times[5:], [50, 95])
    return {"predict_p50_ms": round(p50, 1), "predict_p95_ms": round(p95, 1), "predict_least_ms": round(min(times), 1)}


def _zipped(images: Images, labels: NDArray[np.int64], classes: tuple[str, ...]) -> bytes:
    pictures = enumerate(zip(images, labels, strict=True))
    return zipped({f"{classes[label]}/{number}.png": png_of(image) for number, (image, label) in pictures}, ZIP_STORED)


def _zipped_folder(folder: Path) -> bytes:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return zipped({file.relative_to(folder).as_posix(): file.read_bytes() for file in files}, ZIP_STORED)


if __name__ == "__main__":
    main()
