"""Uploaded datasets on the real stack: from a zip of class folders to a right prediction."""

import io
import stat
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.archives import encoded, picture, stripes, two_classes, zipped
from tests.busy_machine import wait_until
from tests.paths import SHARED_DATA
from tests.running import Stack, submit, wait_for
from worker.datasets import load_dataset

PHOTOS = SHARED_DATA / "photos"


def upload(api: httpx.Client, archive: bytes, **fields: str) -> dict[str, Any]:
    """Upload an archive as a form, and return the dataset once its conversion has ended."""
    files = {"file": ("upload.zip", archive, "application/zip")}
    answer = api.post("/datasets", files=files, data=fields)
    assert answer.status_code == 202, answer.text

    def dataset() -> dict[str, Any]:
        found: dict[str, Any] = api.get(answer.headers["location"]).json()
        return found

    wait_until(lambda: dataset()["state"] != "converting", 120)
    return dataset()


def train(api: httpx.Client, dataset: str, **changes: object) -> dict[str, Any]:
    job = submit(api, dataset=dataset, train_samples=None, **changes)
    return wait_for(api, job["id"])


@pytest.fixture(scope="module")
def dataset(api: httpx.Client) -> dict[str, Any]:
    return upload(api, zipped(stripes(60, seed=1)), name="stripes", title="Stripes", licence="CC0", source="made")


@pytest.fixture(scope="module")
def job(api: httpx.Client, dataset: dict[str, Any]) -> dict[str, Any]:
    network = {
        "layers": [
            {"type": "conv2d", "filters": 16, "kernel_size": 3, "activation": "relu"},
            {"type": "global_average_pooling2d"},
            {"type": "dense", "units": "classes", "activation": "softmax"},
        ]
    }
    optimizer = {"name": "adam", "learning_rate": 0.02}
    return train(api, "stripes", architecture=network, optimizer=optimizer, batch_size=16, epochs=8)


def test_a_network_learns_from_an_upload_and_predicts_its_classes(api: httpx.Client, job: dict[str, Any]) -> None:
    assert job["state"] == "succeeded", job
    assert job["model"]["test_accuracy"] > 0.9
    unseen = stripes(10, seed=99)
    files = [("file", (name, data)) for name, data in unseen.items()]
    answer = api.post("/predict", params={"model": job["model"]["name"]}, files=files).json()
    right = [line["label"] == name.split("/")[0] for name, line in zip(unseen, answer["predictions"], strict=True)]
    assert sum(right) >= 19


def mode_of(path: Path) -> int:
    """Type and permissions of a file; 0 if it is gone, as a checkpoint is when a job of another test has ended."""
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return 0


@pytest.mark.usefixtures("job")
def test_nothing_in_the_data_directory_is_open_to_other_users(stack: Stack) -> None:
    found = [stack.data_dir, *stack.data_dir.rglob("*")]
    kinds = {path.relative_to(stack.data_dir).parts[:1] for path in found}
    assert {("store",), ("datasets",), ("valkey",), ("convserve.lock",)} <= kinds
    assert {path.name for path in found} >= {"model.onnx", "manifest.json", "appendonlydir"}
    is_open = {str(path): oct(mode) for path in found if (mode := mode_of(path)) & (stat.S_IRWXG | stat.S_IRWXO)}
    assert not is_open


def test_the_model_names_the_dataset_it_was_trained_on_by_its_fingerprint(
    api: httpx.Client, dataset: dict[str, Any], job: dict[str, Any]
) -> None:
    name, version = job["model"]["name"], job["model"]["version"]
    manifest = api.get(f"/models/{name}/versions/{version}/files/manifest.json").json()
    assert manifest["dataset"] == "stripes"
    assert manifest["dataset_fingerprint"] == dataset["fingerprint"]
    assert manifest["classes"] == ["level", "upright"]
    assert manifest["input_shape"] == dataset["image_shape"] == [16, 16, 1]


def test_the_sample_exported_to_class_folders_is_the_sample_again(api: httpx.Client) -> None:
    sample = load_dataset("fashion_mnist_sample", Path("unused"))
    files = {
        f"fashion/{split}/{sample.info.classes[label].replace('/', ' ')}/{n:04d}.png": encoded(image)
        for split, images, labels in (
            ("train", sample.train_images, sample.train_labels),
            ("test", sample.test_images, sample.test_labels),
        )
        for n, (image, label) in enumerate(zip(images, labels, strict=True))
    }
    exported = upload(api, zipped(files), name="exported")
    original = api.get("/datasets/fashion_mnist_sample").json()
    for fact in ("image_shape", "train", "test", "mean", "deviation"):
        assert exported[fact] == original[fact]
    assert exported["report"]["split"] == "as uploaded"
    job = train(api, "exported", epochs=2)
    assert job["state"] == "succeeded", job
    assert job["model"]["test_accuracy"] > 0.5
    answer = api.post(f"/models/{job['model']['name']}/predict", files={"file": encoded(sample.test_images[0])}).json()
    truth = sample.info.classes[sample.test_labels[0]].replace("/", " ")
    assert truth in [entry["label"] for entry in answer["predictions"][0]["top_k"]]


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photographs are not here")
def test_real_photographs_of_every_size_become_a_dataset(api: httpx.Client) -> None:
    photos = sorted(path for path in PHOTOS.iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".bmp"})
    classes = ("odd", "even")
    archive = zipped({f"photos/{classes[n % 2]}/{path.name}": path.read_bytes() for n, path in enumerate(photos)})
    dataset = upload(api, archive, name="photographs", image_size="48x64", colour="rgb")
    assert dataset["state"] == "ready", dataset
    assert dataset["image_shape"] == [48, 64, 3]
    skipped = dataset["report"]["skipped"]
    assert dataset["train"] + dataset["test"] + sum(skipped.values()) == len(photos)
    assert sum(skipped.values()) < len(photos) // 4, dataset["report"]["skipped_files"]


def test_a_client_that_leaves_in_the_middle_of_an_upload_leaves_nothing(api: httpx.Client, stack: Stack) -> None:
    def half() -> Any:  # noqa: ANN401 - a generator that breaks off
        yield zipped(two_classes())[:500]
        raise ConnectionError("the client leaves")

    with pytest.raises(ConnectionError):
        api.post("/datasets?name=half", content=half(), headers={"Content-Type": "application/zip"})
    uploads = stack.data_dir / "datasets" / "uploads"
    wait_until(lambda: not uploads.is_dir() or not list(uploads.iterdir()), 10, lambda: list(uploads.rglob("*")))
    assert api.get("/datasets/half").status_code == 404


def test_a_dataset_in_use_stays_and_one_that_is_not_goes(api: httpx.Client) -> None:
    upload(api, zipped(two_classes(20)), name="short-lived")
    long = submit(api, dataset="short-lived", epochs=1000, train_samples=None)
    refusal = api.delete("/datasets/short-lived")
    assert (refusal.status_code, refusal.json()["code"]) == (409, "dataset_in_use")
    assert long["id"] in refusal.json()["detail"]
    api.post(f"/jobs/{long['id']}/cancel").raise_for_status()
    wait_for(api, long["id"], "cancelled")
    freed = api.delete("/datasets/short-lived")
    assert freed.json()["freed_bytes"] > 20 * 2 * 144
    assert api.get("/datasets/short-lived").status_code == 404
    assert api.post("/jobs", json={"architecture": "cnn", "dataset": "short-lived", "epochs": 1}).status_code == 422
    assert upload(api, zipped(two_classes(20)), name="short-lived")["state"] == "ready"


def test_deleting_ends_a_conversion_under_way(api: httpx.Client, stack: Stack) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    slow = {f"{label}/{n}.jpg": encoded(np.roll(pixels, n, 0), "JPEG") for label in "ab" for n in range(40)}
    slow |= {f"{label}/last.png": picture(3) for label in "ab"}
    answer = api.post(
        "/datasets?name=unwanted", content=zipped(slow), headers={"Content-Type": "application/zip"}, timeout=60
    )
    assert answer.status_code == 202, answer.text
    assert api.delete("/datasets/unwanted").status_code == 200
    assert api.get("/datasets/unwanted").status_code == 404
    uploads = stack.data_dir / "datasets" / "uploads"
    assert not [path for path in uploads.rglob("*") if path.is_file()]


def test_networks_on_paper_are_counted_for_an_uploaded_dataset(api: httpx.Client, dataset: dict[str, Any]) -> None:
    answer = api.get("/architectures/lenet5-fashion", params={"dataset": "stripes"}).json()
    assert answer["classes"] == 2
    assert answer["input_shape"] == dataset["image_shape"]


def crosses(n: int) -> dict[str, bytes]:
    """A third class beside the stripes: both kinds at once."""
    upright, level = (pictures_of(stripes(n, seed=7), label) for label in ("upright", "level"))
    pairs = zip(upright, level, strict=True)
    return {f"cross/{number:03d}.png": encoded(np.maximum(*pair)) for number, pair in enumerate(pairs)}


def pictures_of(files: dict[str, bytes], label: str) -> list[np.ndarray]:
    return [np.asarray(Image.open(io.BytesIO(data))) for name, data in files.items() if name.startswith(f"{label}/")]


def grown(api: httpx.Client, name: str, files: dict[str, bytes]) -> dict[str, Any]:
    """The dataset with more pictures, once they are there."""
    answer = api.post(f"/datasets/{name}/pictures", content=zipped(files), headers={"Content-Type": "application/zip"})
    assert answer.status_code == 202, answer.text
    wait_until(lambda: api.get(f"/datasets/{name}").json()["addition"] is None, 60)
    found: dict[str, Any] = api.get(f"/datasets/{name}").json()
    return found


def test_versions_of_a_grown_dataset_are_trained_on_and_kept_while_jobs_need_them(api: httpx.Client) -> None:
    first = upload(api, zipped(stripes(20, seed=5)), name="growing")
    later = grown(api, "growing", crosses(20))
    assert (first["version"], later["version"], later["train"]) == (1, 2, 48)
    small = {"epochs": 1, "batch_size": 8}
    for asked, dataset, classes in ((1, first, 2), (None, later, 3)):
        job = train(api, "growing", dataset_version=asked, model=f"of-version-{dataset['version']}", **small)
        assert (job["state"], job["request"]["dataset_version"]) == ("succeeded", dataset["version"])
        model = f"/models/of-version-{dataset['version']}/versions/1"
        manifest = api.get(f"{model}/files/manifest.json").json()
        assert (manifest["recipe"]["dataset_version"], manifest["dataset"]) == (dataset["version"], "growing")
        assert manifest["dataset_fingerprint"] == dataset["fingerprint"]
        assert len(manifest["classes"]) == classes

    long = submit(api, dataset="growing", dataset_version=1, epochs=1000, train_samples=None)
    refusal = api.delete("/datasets/growing/versions/1")
    assert (refusal.status_code, refusal.json()["code"]) == (409, "dataset_in_use")
    assert long["id"] in refusal.json()["detail"]
    api.post(f"/jobs/{long['id']}/cancel").raise_for_status()
    wait_for(api, long["id"], "cancelled")
    assert api.delete("/datasets/growing/versions/1").status_code == 200
    again = api.post("/jobs", json={"architecture": "lenet5-fashion", "dataset": "growing", "dataset_version": 1})
    assert (again.status_code, again.json()["errors"][0]["loc"][-1]) == (422, "dataset_version")
    picture_of_first = next(iter(stripes(1, seed=3).values()))
    assert api.post("/models/of-version-1/predict", files={"file": picture_of_first}).status_code == 200
