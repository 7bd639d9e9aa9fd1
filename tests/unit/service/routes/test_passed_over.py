"""A version with an error does not answer by default, in any protocol, and the computed aliases follow."""

import json
from typing import Any

import httpx
import pytest

from model_store import Manifest, ModelStore
from tests.unit.service.tiny_networks import grey_picture, publish

pytestmark = pytest.mark.anyio

ERROR: dict[str, Any] = {"doctor": {"worst": "error"}, "passed_over": "chance_level"}
SOUND: dict[str, Any] = {"doctor": {"worst": "info"}}
FAILED_BEFORE: dict[str, Any] = {"metrics": {"test_accuracy": 0.1, "test_loss": 14.5}}
"""What an older trainer published of a run with a learning rate of 100."""
PICTURE = grey_picture(3)
PIXELS = {"instances": [[[[0.3] * 3] * 4] * 4]}


async def version_of(api: httpx.AsyncClient, path: str) -> object:
    answer = await api.post(path, content=PICTURE, headers={"Content-Type": "image/png"})
    return answer.json()["version"] if answer.status_code == 200 else (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("failed", [ERROR, FAILED_BEFORE])
async def test_the_version_before_answers_by_default(
    api: httpx.AsyncClient, store: ModelStore, failed: dict[str, Any]
) -> None:
    publish(store, **SOUND)
    publish(store, **failed)
    for path in ("/predict", "/models/brightness/predict", "/models/brightness/aliases/latest/predict"):
        assert await version_of(api, path) == 1
    assert await version_of(api, "/models/brightness/versions/2/predict") == 2
    await api.put("/models/brightness/aliases/trial", json={"version": 2})
    assert await version_of(api, "/models/brightness/aliases/trial/predict") == 2


async def test_the_public_protocols_pass_over_it_too(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, **SOUND)
    publish(store, **ERROR)
    assert (await api.get("/v2/models/brightness")).json()["versions"] == ["1", "2"]
    tensor = {"name": "images", "shape": [1, 4, 4, 3], "datatype": "FP32", "data": [0.3] * 48}
    inferred = await api.post("/v2/models/brightness/infer", json={"inputs": [tensor]})
    assert inferred.json()["model_version"] == "1"
    metadata = (await api.get("/v1/models/brightness/metadata")).json()
    assert metadata["model_spec"]["version"] == "1"
    for label in ("latest", "best"):
        assert (await api.post(f"/v1/models/brightness/labels/{label}:predict", json=PIXELS)).status_code == 200
        assert (await api.post(f"/v2/models/brightness/versions/{label}/infer", json={"inputs": [tensor]})).json()[
            "model_version"
        ] == "1"


async def test_when_nothing_else_is_there_the_answer_says_why(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, **ERROR)
    for path in ("/predict", "/models/brightness/predict", "/models/brightness/aliases/best/predict"):
        assert await version_of(api, path) == (409, "version_passed_over")
    detail = (await api.post("/predict", content=PICTURE)).json()["detail"]
    assert "'chance_level'" in detail
    assert "/models/brightness/versions/1/doctor" in detail
    assert (await api.post("/v1/models/brightness:predict", json=PIXELS)).status_code == 409
    assert (await api.post("/v2/repository/models/brightness/load")).status_code == 200
    assert await version_of(api, "/models/brightness/versions/1/predict") == 1


async def test_another_model_answers_without_a_name(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, "sound", **SOUND)
    publish(store, **ERROR)
    answer = await api.post("/predict", content=PICTURE)
    assert answer.json()["model"] == "sound"


async def test_lists_say_what_is_passed_over_and_why(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, **SOUND)
    publish(store, **ERROR)
    publish(store, "old", **FAILED_BEFORE)
    model = (await api.get("/models/brightness")).json()
    assert (model["latest"], model["best"], model["passed_over"]) == (1, 1, "chance_level")
    assert [line["doctor"] for line in model["versions"]] == [{"worst": "info"}, {"worst": "error"}]
    assert [line["passed_over"] for line in model["versions"]] == [None, "chance_level"]
    old = (await api.get("/models/old")).json()
    assert (old["latest"], old["best"], old["passed_over"]) == (None, None, "chance_level")
    version = (await api.get("/models/old/versions/1")).json()
    assert (version["doctor"], version["passed_over"]) == ({"worst": "error"}, "chance_level")


async def test_best_compares_versions_of_the_newest_data_only(api: httpx.AsyncClient, store: ModelStore) -> None:
    for accuracy, data in ((0.99, "aa"), (0.8, "bb"), (0.85, "bb"), (0.85, "bb"), (0.7, "bb")):
        publish(store, metrics={"test_accuracy": accuracy, "test_loss": 0.5}, dataset_fingerprint=data * 32, **SOUND)
    model = (await api.get("/models/brightness")).json()
    assert (model["latest"], model["best"]) == (5, 4)
    assert await version_of(api, "/models/brightness/aliases/best/predict") == 4
    alias = (await api.get("/models/brightness/aliases/best")).json()
    assert alias == {"alias": "best", "version": 4, "history": []}
    assert (await api.get("/models/brightness/aliases")).json() == {"aliases": {}}


@pytest.mark.parametrize("alias", ["best", "latest"])
async def test_computed_aliases_cannot_be_set(api: httpx.AsyncClient, brightness: Manifest, alias: str) -> None:
    path = f"/models/{brightness.model}/aliases/{alias}"
    for answer in (await api.put(path, json={"version": 1}), await api.delete(path)):
        assert (answer.status_code, answer.json()["code"]) == (409, "alias_reserved")
        assert alias in answer.json()["detail"]


async def test_an_alias_of_a_computed_name_that_was_stored_before_is_not_used(
    api: httpx.AsyncClient, store: ModelStore
) -> None:
    publish(store, **SOUND)
    publish(store, **SOUND)
    store.set_alias("brightness", "latest", 1)
    assert await version_of(api, "/models/brightness/aliases/latest/predict") == 2
    assert (await api.get("/models/brightness/aliases")).json() == {"aliases": {}}
    # It still keeps its version from being deleted, until it is removed.
    assert (await api.delete("/models/brightness/versions/1")).status_code == 409
    assert (await api.delete("/models/brightness/aliases/latest")).status_code == 204
    assert (await api.delete("/models/brightness/versions/1")).status_code == 200


async def test_a_damaged_latest_version_is_skipped_through_its_alias(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, **SOUND)
    publish(store, files={"model.onnx": b"not a network"}, **SOUND)
    assert await version_of(api, "/models/brightness/aliases/latest/predict") == 1


async def test_an_old_version_is_diagnosed_from_its_files(api: httpx.AsyncClient, store: ModelStore) -> None:
    history = {"loss": [2.0, 9.0], "accuracy": [0.3, 0.1], "val_loss": [2.0, 9.0], "val_accuracy": [0.3, 0.1]}
    matrix = [[10 if predicted == 0 else 0 for predicted in range(10)] for _ in range(10)]
    evaluation = {"accuracy": 0.1, "loss": 9.0, "confusion_matrix": matrix, "calibration": {"confidence": 0.9}}
    files = {"history.json": json.dumps(history).encode(), "evaluation.json": json.dumps(evaluation).encode()}
    publish(store, files=files)
    for path in ("/models/brightness/versions/1/doctor", "/models/brightness/aliases/latest/doctor"):
        answer = (await api.get(path)).json()
        assert answer["worst"] == "error"
        assert {"chance_level", "diverging", "one_class"} <= {finding["code"] for finding in answer["findings"]}
        assert answer["findings"][0]["try"]["curl"].startswith("curl -s localhost:8000/jobs")


async def test_the_findings_of_the_publication_are_shown_as_they_are(api: httpx.AsyncClient, store: ModelStore) -> None:
    stored: dict[str, Any] = {"worst": "none", "passed_over": None, "findings": []}
    publish(store, files={"doctor.json": json.dumps(stored).encode()}, metrics={}, **SOUND)
    assert (await api.get("/models/brightness/versions/1/doctor")).json() == stored


@pytest.mark.parametrize(
    "odd", [{"recipe": {"optimizer": "adam", "augmentation": "none"}}, {"classes": ("only",)}, {"metrics": {}}]
)
async def test_a_version_from_elsewhere_does_not_stop_the_catalog(
    api: httpx.AsyncClient, store: ModelStore, odd: dict[str, Any]
) -> None:
    publish(store, files={"history.json": b"[1, 2]", "evaluation.json": b'{"accuracy": "x"}'}, **odd)
    assert (await api.get("/models/brightness")).status_code == 200
    assert (await api.get("/models/brightness/versions/1/doctor")).status_code == 200


async def test_a_look_inside_finds_versions_like_every_other_route(api: httpx.AsyncClient, store: ModelStore) -> None:
    publish(store, **ERROR)
    expected = {"versions/1": "not_recorded", "aliases/best": "version_passed_over", "aliases/none": "alias_not_found"}
    for version, code in expected.items():
        assert (await api.get(f"/models/brightness/{version}/layers")).json()["code"] == code
