"""A version that was trained elsewhere is shown as what it is: nothing is said about a training."""

import httpx
import pytest

from model_store import ModelStore
from tests.unit.service.tiny_networks import brightness_network, publish

pytestmark = pytest.mark.anyio

RECIPE = {"architecture": "imported", "imported": {"format": "onnx", "sha256": "ab" * 32}, "remarks": []}


@pytest.fixture(autouse=True)
def imported(store: ModelStore) -> None:
    files = {"model.onnx": brightness_network()}
    publish(store, files=files, recipe=RECIPE, architecture={}, metrics={}, dataset="", dataset_fingerprint="")


async def test_its_card_and_its_report_say_where_it_comes_from(api: httpx.AsyncClient) -> None:
    for page in ("README.md", "report.html"):
        text = (await api.get(f"/models/brightness/versions/1/{page}")).text
        assert f"imported from an ONNX file with the SHA-256 {'ab' * 32}" in text
        assert "trained on the dataset" not in text
        assert "POST /jobs" not in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/models", 200),
        ("/models/brightness", 200),
        ("/models/brightness/versions/1", 200),
        ("/models/brightness/versions/1/doctor", 200),
        ("/models/brightness/versions/1/diagram.svg", 409),
        ("/models/brightness/versions/1/summary", 404),
        ("/models/brightness/versions/1/mistakes", 404),
        ("/leaderboard?dataset=fashion_mnist", 200),
    ],
)
async def test_what_it_does_not_have_is_missing_and_no_more(api: httpx.AsyncClient, path: str, status: int) -> None:
    answer = await api.get(path)
    assert answer.status_code == status, answer.text
