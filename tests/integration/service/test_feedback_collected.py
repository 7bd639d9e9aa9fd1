"""Feedback becomes versions of datasets, with real converter processes and a store in memory."""

from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from model_store import ModelStore
from tests.archives import encoded_noise, noise, zipped
from tests.integration.service.uploading import added, converted, upload
from tests.unit.service.tiny_networks import brightness_network, encode, publish
from worker.datasets.built_in import DATASETS

pytestmark = pytest.mark.anyio

SAMPLE = DATASETS["fashion_mnist_sample"]
FEEDBACK = "/models/shirts/feedback"
PNG = {"Content-Type": "image/png"}


async def send(api: httpx.AsyncClient, picture: bytes, label: str) -> None:
    answer = await api.post(FEEDBACK, params={"label": label}, content=picture, headers=PNG)
    assert answer.status_code == 201, answer.text


async def collect(api: httpx.AsyncClient, **wish: str) -> dict[str, Any]:
    answer = await api.post(f"{FEEDBACK}/collect", json=wish)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/datasets/{found['dataset']}"
    return found


async def grown(api: httpx.AsyncClient, name: str, version: int) -> dict[str, Any]:
    """The dataset with this version."""
    dataset = await added(api, name)
    assert dataset["version"] == version, dataset["addition"]
    return dataset


async def test_an_uploaded_dataset_grows_by_the_feedback_on_its_model(
    api: httpx.AsyncClient, store: ModelStore
) -> None:
    await upload(api, zipped(noise("cat", range(5), 0) | noise("dog", range(5), 100)))
    await converted(api)
    publish(store, "shirts", dataset="pets", classes=("cat", "dog", *map(str, range(8))))
    wrong, known = encoded_noise(500, 12), encoded_noise(0, 12)
    await send(api, wrong, "dog")
    await send(api, known, "cat")
    answer = await collect(api)
    assert answer == {
        "dataset": "pets",
        "version": 2,
        "grown_from": "pets/1",
        "pictures": 2,
        "disagreeing": 0,
    }
    dataset = await grown(api, "pets", 2)
    assert (dataset["train"] + dataset["test"], [each["label"] for each in dataset["classes"]]) == (11, ["cat", "dog"])
    assert dataset["report"]["skipped"], "what the dataset has already is left out"
    listed = (await api.get(FEEDBACK)).json()
    assert (listed["pending"], listed["collected"], {row["collected"] for row in listed["feedback"]}) == (
        0,
        2,
        {"pets/2"},
    )
    again = await api.post(f"{FEEDBACK}/collect")
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_collect")
    assert (await api.delete(FEEDBACK, params={"state": "collected"})).json()["deleted"] == 2


async def test_a_dataset_that_comes_with_the_program_is_the_beginning_of_a_new_one(
    api: httpx.AsyncClient, store: ModelStore
) -> None:
    network = brightness_network(channels=1)
    facts = {"dataset": SAMPLE.name, "classes": SAMPLE.classes, "input_shape": (4, 4, 1)}
    publish(store, "shirts", {"model.onnx": network}, **facts)
    pictures = [encode(Image.fromarray(np.full((28, 28), 40 * n, np.uint8))) for n in range(3)]
    for picture in pictures:
        await send(api, picture, "T-shirt/top")
    assert (await api.post(f"{FEEDBACK}/collect", json={"dataset": SAMPLE.name})).json()["code"] == "dataset_built_in"
    first = await collect(api)
    assert (first["dataset"], first["version"], first["grown_from"]) == ("shirts-feedback", 1, SAMPLE.name)
    dataset = await converted(api, "shirts-feedback")
    assert dataset["state"] == "ready", dataset["error"]
    assert [each["label"] for each in dataset["classes"]] == list(SAMPLE.classes)
    assert dataset["train"] + dataset["test"] == SAMPLE.n_train + SAMPLE.n_test + 3
    assert dataset["image_shape"] == [28, 28, 1]
    await send(api, encode(Image.fromarray(np.eye(28, dtype=np.uint8) * 255)), "Bag")
    second = await collect(api)
    assert (second["version"], second["pictures"], second["grown_from"]) == (2, 1, "shirts-feedback/1")
    assert (await grown(api, "shirts-feedback", 2))["train"] > dataset["train"] - 1
