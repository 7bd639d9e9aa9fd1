"""Answers that say how far they can be trusted: sets, thresholds, and versions that recorded nothing."""

import json
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model_store import ModelStore
from service.predict.answers import Prediction
from service.predict.urls import PREDICT_ROUTES
from tests.unit.service.tiny_networks import CLASSES, brightness_network, encode, grey_picture, publish
from worker.training.trust.unusual import unusual_network
from worker.trust.measuring import measured
from worker.trust.record import TrustRecord

pytestmark = pytest.mark.anyio
SHARPNESS = 30.0
PICTURE = {"file": ("x.png", grey_picture(4))}


def softmax(levels: NDArray[np.float64]) -> NDArray[np.float32]:
    """What the brightness network answers for pictures of these brightnesses."""
    centres = np.linspace(0, 1, len(CLASSES))
    logits = SHARPNESS * (2 * levels[:, None] * centres - centres**2)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True), np.float32)


def record() -> TrustRecord:
    """Of 400 pictures whose brightness is not quite that of their class."""
    random = np.random.default_rng(2)
    labels = random.integers(0, len(CLASSES), 400)
    levels = labels / (len(CLASSES) - 1) + random.normal(size=400) * 0.04
    return measured(softmax(levels), labels)


@pytest.fixture
def trusted(store: ModelStore) -> TrustRecord:
    """Version 1 of `shades`, with a record."""
    known = record()
    files = {"model.onnx": brightness_network(SHARPNESS), "trust.json": known.model_dump_json().encode()}
    publish(store, "shades", files)
    return known


async def answer(api: httpx.AsyncClient, query: str, path: str = "/models/shades/predict") -> dict[str, Any]:
    response = await api.post(f"{path}?{query}", files=PICTURE)
    assert response.status_code == 200, response.text
    (picture,) = response.json()["predictions"]
    return picture  # type: ignore[no-any-return]


@pytest.mark.usefixtures("trusted")
async def test_a_plain_answer_says_nothing_about_trust(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, "plain", {"model.onnx": brightness_network(SHARPNESS)})
    plain, trusted = [
        (await api.post(f"/models/{model}/predict", files=PICTURE)).content for model in ("plain", "shades")
    ]
    assert plain.replace(b'"plain"', b'"shades"') == trusted


@pytest.mark.parametrize("route", PREDICT_ROUTES)
async def test_a_set_has_the_classes_that_are_needed_on_every_route(
    api: httpx.AsyncClient, trusted: TrustRecord, route: str
) -> None:
    await api.put("/models/shades/aliases/production", json={"version": 1})
    path = route.format(name="shades", version=1, alias="production")
    narrow, wide = [await answer(api, f"coverage={coverage}", path) for coverage in (0.5, 0.99)]
    assert narrow["set"][0] == wide["set"][0] == narrow["label"] == CLASSES[4]
    assert len(narrow["set"]) < len(wide["set"])
    probabilities = softmax(np.array([4 / 9]))[0]
    ranked = np.argsort(-probabilities)
    least = trusted.mistakes[int(401 * 0.01 + 1e-9) - 1]
    needed = [CLASSES[index] for at, index in enumerate(ranked) if probabilities[ranked[at:]].sum() >= least * 0.999]
    assert wide["set"] == needed
    assert "not_sure" not in wide


async def test_clients_of_public_protocols_get_sets_in_their_own_grammar(
    api: httpx.AsyncClient, trusted: TrustRecord
) -> None:
    pixels = np.full((1, 4, 4, 3), 113 / 255, np.float32)
    expected = (await answer(api, "coverage=0.99"))["set"]
    tensor = {"name": "images", "shape": [1, 4, 4, 3], "datatype": "FP32", "data": pixels.ravel().tolist()}
    asked = {"inputs": [tensor], "parameters": {"coverage": 0.99}}
    probabilities, members = (await api.post("/v2/models/shades/infer", json=asked)).json()["outputs"]
    assert (members["name"], members["datatype"], members["shape"]) == ("set", "BOOL", [1, len(CLASSES)])
    assert {CLASSES[at] for at, is_member in enumerate(members["data"]) if is_member} == set(expected)
    path, rows = "/v1/models/shades:predict", {"instances": pixels.tolist()}
    (row,) = (await api.post(f"{path}?coverage=0.99", json=rows)).json()["predictions"]
    assert (row["probabilities"], set(row["set"])) == (pytest.approx(probabilities["data"]), set(expected))
    columns = (await api.post(f"{path}?coverage=0.99", json={"inputs": pixels.tolist()})).json()["outputs"]
    assert columns == {"probabilities": [row["probabilities"]], "set": [row["set"]]}
    plain = (await api.post(path, json=rows)).json()
    assert plain == {"predictions": [row["probabilities"]]}
    examples = {"examples": [{"images": pixels.ravel().tolist()}]}
    (named,) = (await api.post("/v1/models/shades:classify?coverage=0.99", json=examples)).json()["results"]
    assert [label for label, _ in named] == row["set"]


@pytest.mark.usefixtures("trusted")
async def test_sets_come_as_bytes_where_probabilities_do(api: httpx.AsyncClient) -> None:
    head = {
        "inputs": [
            {"name": "images", "shape": [2, 4, 4, 3], "datatype": "UINT8", "parameters": {"binary_data_size": 96}}
        ],
        "parameters": {"coverage": 0.99, "binary_data_output": True},
    }
    text = json.dumps(head).encode()
    headers = {"inference-header-content-length": str(len(text))}
    for _ in range(2):  # the second time, the head is known
        found = await api.post("/v2/models/shades/infer", content=text + bytes([113]) * 96, headers=headers)
        length = int(found.headers["inference-header-content-length"])
        outputs = json.loads(found.content[:length])["outputs"]
        assert [output["parameters"]["binary_data_size"] for output in outputs] == [8 * len(CLASSES), 2 * len(CLASSES)]
        members = np.frombuffer(found.content, np.bool_, offset=length + 8 * len(CLASSES)).reshape(2, -1)
        assert members[:, 4].all()
        assert np.array_equal(members[0], members[1])


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("coverage", ["0", "1", "nan", "many"])
async def test_a_coverage_that_means_nothing_is_400_in_public_protocols(api: httpx.AsyncClient, coverage: str) -> None:
    rows = {"instances": np.zeros((1, 4, 4, 3)).tolist()}
    found = await api.post(f"/v1/models/shades:predict?coverage={coverage}", json=rows)
    assert (found.status_code, list(found.json())) == (400, ["error"])
    tensor = {"name": "images", "shape": [1, 4, 4, 3], "datatype": "FP32", "data": [0.0] * 48}
    found = await api.post("/v2/models/shades/infer", json={"inputs": [tensor], "parameters": {"coverage": coverage}})
    assert (found.status_code, list(found.json())) == (400, ["error"])


async def test_a_version_without_a_record_is_409_in_public_protocols(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, "old", {"model.onnx": brightness_network(SHARPNESS)})
    rows = {"instances": np.zeros((1, 4, 4, 3)).tolist()}
    found = await api.post("/v1/models/old:predict?coverage=0.9", json=rows)
    assert (found.status_code, "POST /models/old/versions/1/record" in found.json()["error"]) == (409, True)


@pytest.mark.usefixtures("trusted")
async def test_too_few_pictures_promise_nothing_but_all_classes(api: httpx.AsyncClient) -> None:
    assert len((await answer(api, "coverage=0.999"))["set"]) == len(CLASSES)


@pytest.mark.usefixtures("trusted")
async def test_an_answer_that_is_not_sure_has_no_label_but_its_candidates(api: httpx.AsyncClient) -> None:
    sure, unsure = [await answer(api, f"not_sure_below={least}") for least in (0.2, 0.999)]
    assert (sure["label"], sure["class_index"], sure["not_sure"]) == (CLASSES[4], 4, False)
    assert (unsure["label"], unsure["class_index"], unsure["not_sure"]) == (None, None, True)
    assert unsure["top_k"] == sure["top_k"]
    assert unsure["probability"] == sure["probability"] == sure["top_k"][0]["probability"]
    assert "set" not in sure


async def test_the_versions_own_threshold_is_used_when_asked_for(api: httpx.AsyncClient, trusted: TrustRecord) -> None:
    assert trusted.not_sure_below is not None
    found = await answer(api, "not_sure_below=auto&coverage=0.9")
    assert found["not_sure"] is bool(found["probability"] < trusted.not_sure_below)
    assert found["set"]


async def test_what_was_recorded_later_counts_as_if_the_version_had_it(
    api: httpx.AsyncClient, store: ModelStore, trusted: TrustRecord
) -> None:
    publish(store, "old", {"model.onnx": brightness_network(SHARPNESS)})
    path = "/models/old/predict"
    assert (await api.post(f"{path}?coverage=0.9", files=PICTURE)).status_code == 409

    store.later_files.put("old", 1, "trust.json", trusted.model_dump_json().encode())

    assert await answer(api, "coverage=0.9", path) == await answer(api, "coverage=0.9")


async def test_a_version_without_a_record_says_what_to_do(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, "old")
    publish(store, "judged", recipe={"validation": "test"})
    advices = [("old", "POST /models/old/versions/1/record"), ("old", "train it again"), ("judged", "validation 0.1")]
    for model, advice in advices:
        for query in ("coverage=0.95", "not_sure_below=auto"):
            response = await api.post(f"/models/{model}/predict?{query}", files=PICTURE)
            assert (response.status_code, response.json()["code"]) == (409, "not_recorded")
            assert advice in response.json()["detail"]
    assert (await answer(api, "not_sure_below=0.5", "/models/old/predict"))["not_sure"] is False


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    "query", ["coverage=0", "coverage=1", "coverage=nan", "not_sure_below=2", "not_sure_below=yes"]
)
async def test_what_means_nothing_is_refused(api: httpx.AsyncClient, query: str) -> None:
    response = await api.post(f"/models/shades/predict?{query}", files=PICTURE)
    assert (response.status_code, response.json()["code"]) == (422, "validation_failed")


async def test_a_damaged_record_is_told_and_the_version_still_predicts(
    api: httpx.AsyncClient, store: ModelStore
) -> None:
    publish(store, "odd", {"model.onnx": brightness_network(), "trust.json": b"{}"})
    response = await api.post("/models/odd/predict?coverage=0.9", files=PICTURE)
    assert (response.status_code, response.json()["code"]) == (503, "artifact_corrupt")
    assert (await api.post("/models/odd/predict", files=PICTURE)).status_code == 200


@pytest.fixture
def watched(store: ModelStore) -> None:
    """A version that knows pictures of one grey, and can tell others."""
    random = np.random.default_rng(0)
    levels = random.integers(0, 256, (400, 1, 1, 1))
    grain = random.normal(size=(400, 4, 4, 3)) * random.uniform(0, 3, (400, 1, 1, 1))
    known = np.clip(levels + grain, 0, 255).astype(np.uint8)
    scorer = unusual_network(known[:200], known[200:])
    assert scorer is not None
    publish(store, "greys", {"model.onnx": brightness_network(), "unusual.onnx": scorer})


@pytest.mark.usefixtures("watched")
async def test_an_unusual_picture_is_told_and_a_usual_one_says_nothing_new(
    api: httpx.AsyncClient, store: ModelStore
) -> None:
    publish(store, "plain", {"model.onnx": brightness_network()})
    checked = np.indices((4, 4)).sum(axis=0) % 2 * 255
    board = encode(Image.fromarray(np.repeat(checked[..., None], 3, 2).astype(np.uint8)))
    both = [("file", ("grey.png", grey_picture(4))), ("file", ("board.png", board))]
    plain, told = [(await api.post(f"/models/{model}/predict", files=both)).content for model in ("plain", "greys")]
    assert told == plain.replace(b'"plain"', b'"greys"')[:-3] + b',"unusual":true}]}'
    assert Prediction.model_validate_json(told).model_dump() == json.loads(told)
    by_route = (await api.post("/models/greys/predict?not_sure_below=0", files=both)).json()["predictions"]
    assert ["unusual" in picture for picture in by_route] == [False, True]
    page = (await api.get("/metrics")).text
    assert 'convserve_pictures_unusual_total{model="greys"} 2.0' in page


@pytest.mark.usefixtures("watched")
async def test_tensors_whose_answers_cannot_say_it_do_not_pay_for_it(api: httpx.AsyncClient) -> None:
    board = np.repeat(np.indices((4, 4)).sum(axis=0)[..., None] % 2, 3, axis=2).astype(float)
    tensor = {"name": "images", "shape": [1, 4, 4, 3], "datatype": "FP32", "data": board.ravel().tolist()}
    answer = await api.post("/v2/models/greys/infer", json={"inputs": [tensor]})
    assert answer.status_code == 200
    assert "convserve_pictures_unusual_total{" not in (await api.get("/metrics")).text
