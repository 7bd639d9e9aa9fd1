"""Datasets in Croissant 1.0: what the specification requires, and what a dataset is."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from model_store import ConversionStatus, ModelStore
from tests.unit.service.quotas.test_quotas import FACTS
from tests.unit.service.routes.test_dataset_routes import REPORT
from worker.datasets import DATASETS
from worker.datasets.official import OFFICIAL

pytestmark = pytest.mark.anyio

REQUIRED = {"@context", "@type", "conformsTo", "name", "description", "url", "distribution", "recordSet"}


@pytest.mark.parametrize("name", DATASETS)
async def test_every_dataset_is_described(api: httpx.AsyncClient, name: str) -> None:
    answer = await api.get(f"/datasets/{name}/croissant.json")
    assert answer.headers["content-type"] == "application/ld+json"
    found = answer.json()
    assert set(found) >= REQUIRED
    assert (found["@type"], found["conformsTo"]) == ("sc:Dataset", "http://mlcommons.org/croissant/1.0")
    assert found["url"].endswith(f"/datasets/{name}")
    assert ("license" in found) == (not DATASETS[name].licence.startswith("none"))
    classes, splits = found["recordSet"]
    assert [row["classes/name"] for row in classes["data"]] == list(DATASETS[name].classes)
    assert [row["splits/name"] for row in splits["data"]] == ["train", "test"]
    assert {field["@id"] for field in classes["field"]} == set(classes["data"][0])
    assert bool(found["distribution"]) == (name in OFFICIAL)
    for file in found["distribution"]:
        assert file["contentUrl"].endswith(file["name"])
        assert len(file.get("sha256") or file["md5"]) in {32, 64}


async def test_an_upload_is_described_when_it_is_ready(
    api: httpx.AsyncClient, store: ModelStore, tmp_path: Path
) -> None:
    (tmp_path / "a.npy").write_bytes(b"pixels")
    now = datetime.now(UTC)
    store.datasets.begin("pets", ConversionStatus(upload="1", owner="ada", started_at=now, heartbeat_at=now))
    assert (await api.get("/datasets/pets/croissant.json")).status_code == 409
    facts = FACTS.model_copy(update={"tags": ("week-3",), "licence": "CC0", "report": REPORT})
    store.datasets.publish("pets", "1", facts, {"a.npy": tmp_path / "a.npy"}, "ada")
    found = (await api.get("/datasets/pets/croissant.json")).json()
    assert (found["version"], found["license"]) == ("1.0.0", "CC0")
    assert found["datePublished"] == f"{now:%Y-%m-%d}"
    assert found["keywords"] == ["image classification", "week-3"]
    assert found["distribution"] == []


async def test_a_dataset_that_is_not_there_is_refused(api: httpx.AsyncClient) -> None:
    assert (await api.get("/datasets/none/croissant.json")).json()["code"] == "dataset_not_found"
    assert (await api.get("/datasets/mnist/croissant.json?version=2")).status_code == 404
