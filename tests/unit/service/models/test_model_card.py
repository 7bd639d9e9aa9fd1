"""The model card of a version: hubs can read its metadata, and the code in it does what it says."""

import json
import re
from pathlib import Path

import httpx
import pytest
from huggingface_hub import ModelCard, ModelCardData

from model_store import ModelStore
from tests.unit.service.tiny_networks import CLASSES, brightness_network, grey_picture, publish

pytestmark = pytest.mark.anyio

EVIL = "<b>*x*|`y`</b> &amp;"
SCORES = [
    {"label": label, "precision": None, "recall": 0.5, "f1": 0.4, "support": 10} for label in (EVIL, "犬", *CLASSES[2:])
]
EVALUATION = {
    "accuracy": 0.5,
    "test_time_augmentation": {"views": "flip_and_shift", "loss": 0.9, "accuracy": 0.625},
    "loss": 1.0,
    "confusion_matrix": [[10 * (row == column) for column in range(10)] for row in range(10)],
    "per_class": SCORES,
}


def data_of(card: ModelCard) -> ModelCardData:
    assert isinstance(card.data, ModelCardData)
    return card.data


@pytest.mark.parametrize("target", ["versions/1", "aliases/latest"])
async def test_a_hub_reads_what_a_version_is(api: httpx.AsyncClient, store: ModelStore, target: str) -> None:
    publish(
        store,
        files={
            "model.onnx": brightness_network(),
            "evaluation.json": json.dumps(EVALUATION).encode(),
            "curves.png": grey_picture(1),
        },
        classes=tuple(score["label"] for score in SCORES),
        tags=("week: 3", "ünï\u2028code"),
        note="first\n# try",
        recipe={"architecture": "cnn", "epochs": 3, "optimizer": {"name": "adam"}},
    )
    answer = await api.get(f"/models/brightness/{target}/README.md")
    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    card = ModelCard(answer.text)
    data = data_of(card)
    assert (data.library_name, data.pipeline_tag) == ("keras", "image-classification")
    assert (data.tags or [])[-2:] == ["week: 3", "ünï\u2028code"]
    (result,) = data.eval_results or []
    assert (result.dataset_name, result.metric_type, result.metric_value) == ("greys", "accuracy", 0.5)
    assert "Accuracy 50.00%; 62.50% with test-time augmentation (flip and shift)." in card.text
    assert "| 犬 |  | 0.500 | 0.400 | 10 |" in card.text
    assert r"\<b\>\*x\*\|\`y\`\</b\> \&amp;" in card.text
    assert r"> first \# try" in card.text
    assert re.findall(r"!\[[^]]*\]\((.*?)\)", card.text) == ["curves.png"]
    assert '- optimizer: `{"name": "adam"}`' in card.text


async def test_the_code_of_a_card_answers_as_the_server_does(
    api: httpx.AsyncClient,
    store: ModelStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    publish(store)
    card = (await api.get("/models/brightness/versions/1/README.md")).text
    assert data_of(ModelCard(card)).eval_results is None
    (tmp_path / "model.onnx").write_bytes(brightness_network())
    picture = grey_picture(7)
    (tmp_path / "picture.jpg").write_bytes(picture)
    monkeypatch.chdir(tmp_path)
    with_onnx, with_keras = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    exec(compile(with_onnx, "README.md", "exec"), {})
    answer = (await api.post("/models/brightness/versions/1/predict", files={"file": picture})).json()
    (served,) = answer["predictions"]
    said, probability = capsys.readouterr().out.rsplit(maxsplit=1)
    assert said == served["label"]
    assert float(probability) == pytest.approx(served["probability"], abs=1e-6)
    assert 'load_model("model.keras")' in with_keras
