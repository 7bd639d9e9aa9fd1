"""Versions in other formats, over HTTP: listed, downloaded, in the card; and what is refused before a job is queued."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from model_store import ModelStore
from service.models.exports import require_exporter
from tests.unit.service.tiny_networks import brightness_network, publish
from worker.datasets import dataset_info
from worker.jobs.export_plan import plan_export
from worker.jobs.exported import Exported, record_of
from worker.jobs.request import RequestInvalid
from worker.jobs.workers import Worker

pytestmark = pytest.mark.anyio

V = "/models/brightness/versions/1"
DATA = bytes(range(256)) * 20
EXPORTED = Exported(
    format="litert",
    file="model.tflite",
    size_bytes=len(DATA),
    sha256=hashlib.sha256(DATA).hexdigest(),
    accuracy=0.912,
    keras_accuracy=0.9125,
    agreement=0.999,
    largest_difference=2e-4,
    pictures=2000,
    runtime="TensorFlow Lite 2.21.0",
    exporter="Keras 3.15.1",
    created_at=datetime(2026, 11, 26, tzinfo=UTC),
    job="k3v9x2m7qd",
)
LENET = {"layers": [{"type": "flatten"}, {"type": "dense", "units": "classes", "activation": "softmax"}]}


@pytest.fixture
def exported(store: ModelStore, tmp_path: Path) -> ModelStore:
    publish(store)
    (tmp_path / "file").write_bytes(DATA)
    store.later_files.put_large("brightness", 1, "model.tflite", tmp_path / "file")
    store.later_files.put("brightness", 1, record_of("litert"), EXPORTED.model_dump_json().encode())
    return store


@pytest.mark.usefixtures("exported")
@pytest.mark.parametrize("target", ["versions/1", "aliases/latest"])
async def test_exports_are_listed_with_their_figures(api: httpx.AsyncClient, target: str) -> None:
    (listed,) = (await api.get(f"/models/brightness/{target}/exports")).json()["exports"]
    assert Exported.model_validate(listed) == EXPORTED
    card = (await api.get(f"/models/brightness/{target}/README.md")).text
    assert "| [model.tflite](model.tflite) | litert | 91.20% | 91.25% | 99.90% | TensorFlow Lite 2.21.0 |" in card


async def test_a_version_without_exports_lists_none(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store)
    assert (await api.get(f"{V}/exports")).json() == {"exports": []}
    assert (await api.get(f"{V}/files/model.tflite")).json()["code"] == "file_not_found"


@pytest.mark.usefixtures("exported")
async def test_an_export_is_downloaded_like_every_file(api: httpx.AsyncClient) -> None:
    whole = await api.get(f"{V}/files/model.tflite")
    assert (whole.status_code, whole.content) == (200, DATA)
    assert whole.headers["etag"] == f'"{EXPORTED.sha256}"'
    part = await api.get(f"{V}/files/model.tflite", headers={"Range": "bytes=1000-1009"})
    assert (part.status_code, part.content) == (206, DATA[1000:1010])
    known = await api.get(f"{V}/files/model.tflite", headers={"If-None-Match": whole.headers["etag"]})
    assert known.status_code == 304


async def test_a_damaged_export_is_not_sent(api: httpx.AsyncClient, exported: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(DATA[:-1])
    exported.later_files.put_large("brightness", 1, "model.tflite", tmp_path / "other")
    answer = await api.get(f"{V}/files/model.tflite")
    assert (answer.status_code, answer.json()["code"]) == (503, "artifact_corrupt")


async def test_what_cannot_be_exported_is_refused_at_once(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, architecture=LENET, dataset="gone")
    publish(store, files={"model.onnx": brightness_network()}, architecture={})
    publish(store, architecture=LENET, dataset="")
    wanted = {"format": "litert"}
    for number, said in ((1, "its dataset 'gone', which is gone"), (2, "an imported ONNX file"), (3, "name one")):
        answer = await api.post(f"/models/brightness/versions/{number}/exports", json=wanted)
        assert answer.status_code == 422
        assert said in answer.json()["errors"][0]["message"]
    unknown = await api.post(f"{V}/exports", json={"format": "pickle"})
    assert unknown.status_code == 422
    assert "'litert', 'saved_model' or 'openvino'" in unknown.text


def worker(*formats: str) -> Worker:
    facts = {"id": "a", "host": "", "since": None, "trainer_bytes": 1, "gpus": (), "running": None}
    return Worker.model_validate(facts | {"exports": formats or None})


def test_a_format_that_no_worker_can_write_is_refused_with_the_way_to_install_it() -> None:
    require_exporter("openvino", [])  # no worker is known: one may come
    require_exporter("openvino", [worker()])  # of an earlier version: it does not say
    require_exporter("openvino", [worker("litert"), worker("litert", "openvino")])
    with pytest.raises(RequestInvalid, match=r"pip install 'convserve\[openvino\]'"):
        require_exporter("openvino", [worker("litert", "saved_model")])


def test_an_export_is_tested_on_as_many_pictures_as_the_version(store: ModelStore) -> None:
    recipe = {"epochs": 3, "test_samples": 500, "architecture": "custom"}
    manifest = publish(store, architecture=LENET, dataset="fashion_mnist", recipe=recipe)
    plan = plan_export(manifest, "saved_model", dataset_info)
    assert (plan.dataset, plan.test_samples) == ("fashion_mnist", 500)
    assert plan.export is not None
    assert plan.export.version == "brightness/1"
