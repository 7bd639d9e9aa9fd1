"""The main job through HTTP on the real stack: train, follow, look, classify, download, cancel."""

import hashlib
import io
import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import keras
import numpy as np
import psutil
import pytest
from httpx_sse import connect_sse
from PIL import Image

from tests.busy_machine import is_within
from tests.running import Stack, has_argument, submit, wait_for
from worker.datasets import Dataset, load_dataset
from worker.pictures.pixels import to_unit_range

EPOCHS = 3
"""Of the sample's 3000 pictures; with three seeds, their test accuracies were 0.742, 0.769 and 0.745."""
OWN: dict[str, Any] = {
    "architecture": {
        "layers": [
            {"type": "conv2d", "filters": 8, "kernel_size": 3, "activation": "relu"},
            {"type": "batch_normalization"},
            {"type": "max_pooling2d", "pool_size": 2},
            {"type": "dropout", "rate": 0.1},
            {"type": "flatten"},
            {"type": "dense", "units": "classes", "activation": "softmax"},
        ]
    },
    "dataset": "fashion_mnist_sample",
    "train_samples": 100,
    "epochs": 1,
    "model": "own",
}


@pytest.fixture(scope="module")
def sample() -> Dataset:
    return load_dataset("fashion_mnist_sample", Path("unused"))


Event = tuple[str, str, Any]
"""Id, kind and data of an event."""


@pytest.fixture(scope="module")
def events(api: httpx.Client) -> list[Event]:
    """Those of a training on the whole sample, from its submission to its end."""
    return _follow(api, submit(api, epochs=EPOCHS, train_samples=None)["id"])


@pytest.fixture(scope="module")
def job(api: httpx.Client, events: list[Event]) -> dict[str, Any]:
    """A finished training on the whole sample."""
    return wait_for(api, events[0][2]["id"])


@pytest.fixture(scope="module")
def key() -> dict[str, str]:
    """The header of a submission that is repeated."""
    return {"Idempotency-Key": f"key-{time.time_ns()}"}


@pytest.fixture(scope="module")
def own(api: httpx.Client, key: dict[str, str]) -> dict[str, Any]:
    """A finished training of a network of one's own, submitted twice under one key."""
    first, second = (api.post("/jobs", json=OWN, headers=key) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    return wait_for(api, first.json()["id"])


def png(image: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image.squeeze()).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_training_ends_published_with_a_history_and_an_honest_accuracy(job: dict[str, Any]) -> None:
    assert job["state"] == "succeeded", job
    assert job["attempt"] == 1
    assert job["progress"]["epoch"] in {0, EPOCHS}
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert len(job["history"][name]) == EPOCHS
    assert job["history"]["loss"][-1] < job["history"]["loss"][0]
    assert job["model"]["name"] == "fashion_mnist_sample-lenet5-fashion"
    assert job["model"]["test_accuracy"] > 0.7
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]


def test_the_first_step_comes_soon_after_the_claim(api: httpx.Client, job: dict[str, Any]) -> None:
    history = api.get(_file(job, "history.json")).json()
    # The aim is 1 s on an idle machine and is measured in benchmarks/; here only that the spare trainer was used.
    assert history["first_step_seconds"] > 0
    assert is_within(history["first_step_seconds"], 20)


def test_the_published_model_opens_in_plain_keras_and_gives_the_published_numbers(
    api: httpx.Client, job: dict[str, Any], sample: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(api.get(_file(job, "model.keras")).content)
    network = keras.saving.load_model(path)
    inputs = to_unit_range(sample.test_images)
    loss, accuracy = network.evaluate(inputs, np.eye(10)[sample.test_labels], verbose=0)
    evaluation = api.get(_file(job, "evaluation.json")).json()
    assert evaluation["accuracy"] == pytest.approx(accuracy, abs=1e-4)
    assert evaluation["loss"] == pytest.approx(loss, abs=1e-4)
    assert evaluation["accuracy"] == job["model"]["test_accuracy"]
    assert np.trace(evaluation["confusion_matrix"]) == round(accuracy * 1000)
    assert [row["label"] for row in evaluation["per_class"]] == evaluation["classes"]


def test_200_pictures_sent_as_files_get_the_probabilities_of_keras(
    api: httpx.Client, job: dict[str, Any], sample: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(api.get(_file(job, "model.keras")).content)
    expected = keras.saving.load_model(path).predict(to_unit_range(sample.test_images[:200]), verbose=0)
    answers = []
    for start in range(0, 200, 50):
        files = [("file", (f"{i}.png", png(sample.test_images[i]), "image/png")) for i in range(start, start + 50)]
        answer = api.post("/predict", params={"top_k": 10, "model": job["model"]["name"]}, files=files).json()
        assert answer["version"] == job["model"]["version"]
        answers += answer["predictions"]
    served = np.zeros((200, 10))
    for row, prediction in enumerate(answers):
        assert prediction["filename"] == f"{row}.png"
        for entry in prediction["top_k"]:
            served[row, entry["class_index"]] = entry["probability"]
    assert np.abs(served - expected).max() <= 1e-4


def test_a_picture_is_classified_through_every_door(api: httpx.Client, job: dict[str, Any], sample: Dataset) -> None:
    picture, name, version = png(sample.test_images[0]), job["model"]["name"], job["model"]["version"]
    api.put(f"/models/{name}/aliases/champion", json={"version": version}).raise_for_status()
    doors = [
        f"/predict?model={name}",
        f"/models/{name}/predict",
        f"/models/{name}/versions/{version}/predict",
        f"/models/{name}/aliases/champion/predict",
    ]
    answers = [api.post(door, content=picture, headers={"Content-Type": "image/png"}).json() for door in doors]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["predictions"][0]["label"] in json.dumps(api.get("/datasets/fashion_mnist_sample").json())


def test_every_file_of_the_version_has_the_digest_of_its_manifest(api: httpx.Client, job: dict[str, Any]) -> None:
    manifest = api.get(_file(job, "manifest.json")).json()
    pictures = {"curves.png", "confusion-matrix.png", "predictions.png"}
    assert {"model.keras", "model.onnx", "history.json", "evaluation.json", "summary.txt"} | pictures <= set(
        manifest["files"]
    )
    for name, entry in manifest["files"].items():
        content = api.get(_file(job, name)).content
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert manifest["job"] == job["id"]
    assert manifest["parity"] <= 1e-4


def test_the_log_and_the_curves_of_a_job_can_be_seen(api: httpx.Client, job: dict[str, Any]) -> None:
    assert "test accuracy" in api.get(f"/jobs/{job['id']}/log").text
    assert Image.open(io.BytesIO(api.get(f"/jobs/{job['id']}/curves.png").content)).size[0] > 600
    assert "<svg" in api.get(f"/jobs/{job['id']}/curves.svg").text


def test_a_job_is_followed_to_its_end_by_events_and_resumed_by_event_id(
    api: httpx.Client, job: dict[str, Any], events: list[Event]
) -> None:
    seen = events
    kinds = [kind for _, kind, _ in seen]
    assert kinds[0] == "state"
    assert kinds[-1] == "state"
    assert seen[-1][2]["state"] == "succeeded"
    assert [data["epoch"] for _, kind, data in seen if kind == "epoch"] == [*range(1, EPOCHS + 1)]
    assert any(kind == "progress" and data["phase"] == "training" for _, kind, data in seen)
    middle = [index for index, (_, kind, _) in enumerate(seen) if kind == "epoch"][-2]  # of a finished job 100 are kept
    assert _follow(api, job["id"], after=seen[middle][0]) == seen[middle + 1 :]


def test_a_network_of_ones_own_trains_and_predicts(api: httpx.Client, own: dict[str, Any], sample: Dataset) -> None:
    assert own["state"] == "succeeded", own
    answer = api.post("/models/own/predict", content=png(sample.test_images[3]), headers={"Content-Type": "image/png"})
    assert answer.json()["version"] == 1


def test_what_cannot_work_is_refused_with_the_layer_named(api: httpx.Client) -> None:
    layers = [
        {"type": "conv2d", "filters": 8, "kernel_size": 30},
        {"type": "flatten"},
        {"type": "dense", "units": "classes", "activation": "softmax"},
    ]
    body = {"architecture": {"layers": layers}, "dataset": "fashion_mnist_sample", "epochs": 1}
    answer = api.post("/jobs", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert "layer 0 (conv2d)" in problem["detail"] + json.dumps(problem["errors"])
    assert problem["errors"][0]["loc"][-4:] == ["architecture", "layers", 0, "kernel_size"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"architecture": "lenet6"}, "architecture"),
        ({"dataset": "imagenet"}, "dataset"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": "many"}, "epochs"),
        ({"optimizer": {"name": "adam", "learning_rate": -1}}, "learning_rate"),
        ({"optimizer": {"name": "adam", "momentum": 0.9}}, "momentum"),
        ({"validation": "train"}, "validation"),
        ({"train_samples": 10**9}, "train_samples"),
        ({"model": "../etc"}, "model"),
        ({"epoch": 3}, "epoch"),
    ],
)
def test_a_bad_request_names_the_field_and_queues_nothing(
    api: httpx.Client, change: dict[str, Any], field: str
) -> None:
    before = api.get("/jobs").json()["total"]
    body = {"architecture": "lenet5-fashion", "dataset": "fashion_mnist_sample", "epochs": 1} | change
    answer = api.post("/jobs", json=body)
    assert answer.status_code == 422, answer.text
    assert any(
        field in map(str, [*error["loc"], error["message"]]) or field in error["message"]
        for error in answer.json()["errors"]
    )
    assert api.get("/jobs").json()["total"] == before


def test_a_repeated_submission_under_one_key_trains_once_and_its_model_outlives_the_job(
    api: httpx.Client, own: dict[str, Any], key: dict[str, str]
) -> None:
    assert api.post("/jobs", json=OWN | {"epochs": 2}, headers=key).status_code == 409
    assert own["model"]["version"] == 1
    assert api.get("/jobs", params={"model": OWN["model"]}).json()["total"] == 1
    assert api.delete(f"/jobs/{own['id']}").status_code == 204
    assert api.get(f"/jobs/{own['id']}").status_code == 404
    assert api.get("/models/own/versions/1").status_code == 200


def test_a_running_job_shows_its_curves_and_cancelling_it_ends_its_trainer_and_the_next_job_runs(
    api: httpx.Client, stack: Stack
) -> None:
    traced = _traced(stack)
    long = submit(api, epochs=1000)
    waiting = submit(api, epochs=1000)
    following = submit(api, epochs=1, train_samples=100)
    wait_for(api, long["id"], "running")
    assert api.get(f"/jobs/{following['id']}").json()["position"] == 2
    while api.get(f"/jobs/{long['id']}").json()["progress"]["phase"] != "training":
        time.sleep(0.05)
    with connect_sse(api, "GET", f"/jobs/{long['id']}/events") as source:
        next(event for event in source.iter_sse() if event.event == "epoch")
        curves = api.get(f"/jobs/{long['id']}/curves.svg").text
        assert Image.open(io.BytesIO(api.get(f"/jobs/{long['id']}/curves.png").content)).size[0] > 600
    assert "best validation" in curves, "an epoch has ended, and the curves do not show it"
    assert api.get(f"/jobs/{long['id']}").json()["state"] == "running"
    trainer = _trainer_of(api, long["id"])
    assert trainer in _trainers(stack)
    assert api.post(f"/jobs/{waiting['id']}/cancel").json()["state"] == "cancelled"
    api.post(f"/jobs/{long['id']}/cancel").raise_for_status()
    cancelled = wait_for(api, long["id"], timeout_s=10)
    assert cancelled["state"] == "cancelled"
    assert cancelled["model"] is None
    assert wait_for(api, following["id"])["state"] == "succeeded"
    assert api.get(f"/jobs/{waiting['id']}").json()["state"] == "cancelled"
    assert trainer not in _trainers(stack), "the cancelled job's trainer lives on"
    assert not _traced(stack) - traced, "the cancelled job's trainer has left files"
    assert api.post(f"/jobs/{long['id']}/cancel").json()["state"] == "cancelled"


def test_a_training_that_is_finished_early_publishes_its_best_epoch(api: httpx.Client) -> None:
    job = submit(api, epochs=1000, model="finished-early")["id"]
    wait_for(api, job, "running")
    with connect_sse(api, "GET", f"/jobs/{job}/events") as source:
        next(event for event in source.iter_sse() if event.event == "epoch")
        workers = api.get("/workers").json()["workers"]
    assert [worker["running"]["job"] for worker in workers if worker["running"]] == [job]
    assert api.post(f"/jobs/{job}/finish").json()["finish_requested"]
    ended = wait_for(api, job)
    assert ended["state"] == "succeeded", ended
    assert 1 < len(ended["history"]["loss"]) < 1000
    assert ended["history"]["best_epoch"] is not None
    version = api.get("/models/finished-early/versions/1").json()
    best = ended["history"]["val_accuracy"][ended["history"]["best_epoch"] - 1]
    assert version["metrics"]["val_accuracy"] == best
    again = api.post(f"/jobs/{job}/finish").json()
    assert (again["state"], again["history"], again["model"]) == (ended["state"], ended["history"], ended["model"])


def test_a_diverging_training_fails_with_a_hint(api: httpx.Client) -> None:
    linear = {"type": "dense", "units": 64, "activation": "linear"}
    output = {"type": "dense", "units": "classes", "activation": "softmax"}
    unbounded = {"layers": [{"type": "flatten"}, linear, linear, linear, output]}
    job = submit(api, epochs=50, optimizer={"name": "sgd", "learning_rate": 100}, architecture=unbounded)
    ended = wait_for(api, job["id"])
    assert ended["state"] == "failed"
    assert ended["error"]["code"] == "diverged"
    assert "learning rate" in ended["error"]["hint"]


def _follow(api: httpx.Client, job: str, after: str | None = None) -> list[Event]:
    headers = {"Last-Event-ID": after} if after else {}
    with connect_sse(api, "GET", f"/jobs/{job}/events", headers=headers) as source:
        # httpx-sse also reports the comments that keep a silent stream alive; they are no events and have no data.
        return [(event.id, event.event, event.json()) for event in source.iter_sse() if event.data]


def _file(job: dict[str, Any], name: str) -> str:
    return f"/models/{job['model']['name']}/versions/{job['model']['version']}/files/{name}"


def _trainer_of(api: httpx.Client, job: str) -> int:
    """Process id of a running job's trainer, as its log tells."""
    found = re.search(r"trainer (\d+)", api.get(f"/jobs/{job}/log").text)
    assert found is not None
    return int(found.group(1))


def _traced(stack: Stack) -> set[str]:
    """The files of functions that TensorFlow has traced, outside the directories of trainers."""
    (worker,) = [child for child in psutil.Process(stack.process.pid).children() if has_argument(child, "worker")]
    return {path.name for path in Path(worker.environ()["TMPDIR"]).glob("*.py")}


def _trainers(stack: Stack) -> set[int]:
    """Process ids of all trainers, the spare included."""
    children = psutil.Process(stack.process.pid).children(recursive=True)
    return {child.pid for child in children if has_argument(child, "worker.training.trainer")}
