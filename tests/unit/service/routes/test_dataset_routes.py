"""Datasets over HTTP."""

import httpx
import pytest

from worker.datasets import DATASETS

pytestmark = pytest.mark.anyio


async def test_every_dataset_is_listed_with_its_classes(api: httpx.AsyncClient) -> None:
    answers = (await api.get("/datasets")).json()["datasets"]
    assert [answer["name"] for answer in answers] == list(DATASETS)
    for answer in answers:
        info = DATASETS[answer["name"]]
        assert [line["label"] for line in answer["classes"]] == list(info.classes)
        assert answer["train"] == sum(line["train"] for line in answer["classes"])
        assert answer["test"] == sum(line["test"] for line in answer["classes"])
        assert tuple(answer["image_shape"]) == info.image_shape
        assert answer["licence"]
        assert answer["source"]


async def test_a_dataset_that_is_not_on_disk_says_so(api: httpx.AsyncClient) -> None:
    assert (await api.get("/datasets/cifar10")).json()["available"] is False


async def test_an_unknown_dataset_is_404(api: httpx.AsyncClient) -> None:
    response = await api.get("/datasets/nothing")
    assert (response.status_code, response.json()["code"]) == (404, "dataset_not_found")
