"""The report of a version: whole, self-contained, and safe, whatever the version has."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from model_store import ModelStore
from service.models.report.contents import contents_of
from tests.unit.service.tiny_networks import brightness_network, grey_picture, publish
from worker.architectures import PRESETS
from worker.doctor.findings import Diagnosis, Finding, Try

pytestmark = pytest.mark.anyio

EVIL = "<script>alert(1)</script>&"
CLASSES = (EVIL, "犬", *(f"class {k}" for k in range(8)))
FINDING = Finding(
    code="leak", severity="warning", title=f"It is {EVIL}.", evidence={"a": {"b": [1, 2]}}, advice="Use `this`.",
    try_=Try(curl="curl -s 'localhost:8000/datasets/x'"),
)  # fmt: skip


def evaluation() -> dict[str, Any]:
    score = {"precision": None, "recall": 0.5, "f1": 0.4, "support": 10}
    return {
        "accuracy": 0.5,
        "loss": 1.0,
        "confusion_matrix": [[10 * (row == column) for column in range(10)] for row in range(10)],
        "per_class": [{"label": label, **score} for label in CLASSES],
    }


def full(store: ModelStore) -> None:
    history = {"loss": [1.0, 0.5], "accuracy": [0.5, 0.6], "val_loss": [1.0, 0.9], "val_accuracy": [0.4, 0.5]}
    drawn = ("curves", "confusion-matrix", "calibration", "mistakes", "film")
    found = Diagnosis(worst="warning", passed_over=None, findings=(FINDING,))
    publish(
        store,
        files={
            "model.onnx": brightness_network(),
            "history.json": json.dumps(history | {"fit_seconds": 12.3}).encode(),
            "evaluation.json": json.dumps(evaluation()).encode(),
            "doctor.json": found.model_dump_json().encode(),
            "summary.txt": b"Layer (type)\n",
        }
        | {f"{name}.png": grey_picture(tenth) for tenth, name in enumerate(drawn)},
        classes=CLASSES,
        input_shape=(28, 28, 1),
        architecture=PRESETS["lenet5-fashion"].architecture.model_dump(mode="json", exclude_defaults=True),
        recipe={"architecture": "lenet5-fashion", "dataset": "greys", "epochs": 2, "optimizer": {"name": "adam"}},
    )


class Links(HTMLParser):
    """Collects everything that a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "action", "data"}]
        assert not any(name.startswith("on") for name, _ in attrs)


@pytest.mark.parametrize("target", ["versions/1", "aliases/latest"])
async def test_a_report_has_everything_and_asks_for_nothing(
    api: httpx.AsyncClient, store: ModelStore, target: str
) -> None:
    full(store)
    answer = await api.get(f"/models/brightness/{target}/report.html")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    page = answer.text
    parsed = Links()
    parsed.feed(page)
    assert not parsed.tags & {"script", "link", "iframe", "object", "form", "base"}
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in parsed.found)
    assert sum(link.startswith("data:") for link in parsed.found) == 5
    assert "alert(1)" not in page.replace("&lt;script&gt;alert(1)&lt;/script&gt;&amp;", "")
    for said in ("犬", "ab" * 32, "<svg", "Layer (type)", "Use <code>this</code>.", "curl -s"):
        assert said in page
    commands = re.findall(r"<pre>curl -s localhost:8000/jobs --json &#x27;(.*?)&#x27;</pre>", page)
    assert '"epochs": 2' in commands[-1].replace("&quot;", '"')


async def test_a_version_that_has_little_has_a_report_too(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, files={"model.onnx": brightness_network(), "history.json": b'{"loss": [null]}'})
    answer = await api.get("/models/brightness/versions/1/report.html")
    assert answer.status_code == 200
    assert "does not have it" in answer.text


async def test_a_report_of_a_version_that_is_passed_over_says_so(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, metrics={"test_accuracy": 0.1, "test_loss": 14.5})
    page = (await api.get("/models/brightness/versions/1/report.html")).text
    assert "does not answer by default, because of <b>chance_level</b>" in page


async def test_a_report_names_the_views_of_test_time_augmentation(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(
        store,
        metrics={"test_accuracy": 0.92, "test_loss": 0.5, "tta_test_accuracy": 0.9345},
        recipe={"test_time_augmentation": "flip_and_shift"},
    )
    page = (await api.get("/models/brightness/versions/1/report.html")).text
    assert "<b>93.45%</b>test accuracy with test-time augmentation (flip and shift)" in page


async def test_networks_are_drawn_by_version_and_by_preset(api: httpx.AsyncClient, store: ModelStore) -> None:
    full(store)
    for path in ("/models/brightness/versions/1/diagram.svg", "/architectures/lenet5-fashion/diagram.svg"):
        answer = await api.get(path)
        assert answer.headers["Content-Type"] == "image/svg+xml"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert "61,610 parameters" in answer.text
    deeper = await api.get("/architectures/lenet5-fashion/diagram.svg?depth=2&dataset=cifar10")
    assert "32x32x3" in deeper.text


@pytest.mark.usefixtures("brightness")
async def test_a_network_that_is_not_described_is_not_drawn(api: httpx.AsyncClient) -> None:
    answer = await api.get("/models/brightness/versions/1/diagram.svg")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_recorded")
    assert (await api.get("/architectures/nothing/diagram.svg")).status_code == 404


def test_no_file_of_a_version_without_a_diagnosis_is_read_twice(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = {"loss": [1.0], "accuracy": [0.5], "val_loss": [1.0], "val_accuracy": [0.4]}
    files = {"history.json": json.dumps(history).encode(), "evaluation.json": json.dumps(evaluation()).encode()}
    manifest = publish(store, files={"model.onnx": brightness_network(), **files}, classes=CLASSES)
    wanted: list[str] = []
    read = store.read

    def watched(model: str, version: int, file: str) -> bytes:
        wanted.append(file)
        return read(model, version, file)

    monkeypatch.setattr(store, "read", watched)
    contents = contents_of(store, manifest)
    assert contents.history == history
    assert contents.evaluation == evaluation()
    assert set(files) <= set(wanted)
    assert len(set(wanted)) == len(wanted)
