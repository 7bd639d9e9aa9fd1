"""Datasets over HTTP."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from model_store import ConversionStatus, ModelStore
from tests.unit.service.quotas.test_quotas import FACTS
from worker.datasets import DATASETS
from worker.datasets.upload.report import NO_DUPLICATES

REPORT: dict[str, object] = {"files": 1, "split": "drawn", "skipped": {}, "skipped_files": [], "small_classes": []} | {
    "duplicates": NO_DUPLICATES.model_dump(mode="json"),
    "missing_in_train": [],
    "missing_in_test": [],
    "dropped_classes": [],
}

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


async def test_a_dataset_without_a_known_fingerprint_says_why(api: httpx.AsyncClient) -> None:
    for answer in (await api.get("/datasets")).json()["datasets"]:
        assert (answer["fingerprint"] is None) == ("fingerprint is not known" in (answer["note"] or "")), answer["name"]


async def test_an_unknown_dataset_is_404(api: httpx.AsyncClient) -> None:
    response = await api.get("/datasets/nothing")
    assert (response.status_code, response.json()["code"]) == (404, "dataset_not_found")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("owner=ada", ["birds", "pets"]),
        ("tag=week-3", ["cars", "pets"]),
        ("owner=ada&tag=week-3", ["pets"]),
        ("state=converting", ["birds"]),
        ("owner=nobody", []),
    ],
)
async def test_datasets_are_found_by_owner_tag_and_state(
    api: httpx.AsyncClient, store: ModelStore, tmp_path: Path, query: str, names: list[str]
) -> None:
    now = datetime.now(UTC)
    (tmp_path / "a.npy").write_bytes(b"x")
    for name, owner in (("pets", "ada"), ("cars", "ben"), ("birds", "ada")):
        store.datasets.begin(name, ConversionStatus(upload="1", owner=owner, started_at=now, heartbeat_at=now))
        if name != "birds":
            facts = FACTS.model_copy(update={"tags": ("week-3",), "note": "mine", "report": REPORT})
            store.datasets.publish(name, "1", facts, {"a.npy": tmp_path / "a.npy"}, owner)
    found = (await api.get(f"/datasets?{query}")).json()["datasets"]
    assert [dataset["name"] for dataset in found] == names
    assert all(dataset["note"] == "mine" for dataset in found if dataset["state"] == "ready")
