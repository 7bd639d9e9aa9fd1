"""Presets and descriptions of one's own over HTTP."""

import httpx
import pytest

from worker.architectures import PRESETS, analyse

pytestmark = pytest.mark.anyio

OUTPUT = {"type": "dense", "units": "classes", "activation": "softmax"}
SMALL = {"layers": [{"type": "conv2d", "filters": 8, "kernel_size": 3}, {"type": "flatten"}, OUTPUT]}


async def test_every_preset_is_listed_with_its_counts(api: httpx.AsyncClient) -> None:
    lines = (await api.get("/architectures")).json()["architectures"]
    assert [line["name"] for line in lines] == list(PRESETS)
    by_name = {line["name"]: line for line in lines}
    assert by_name["cnn"]["parameters"] == 226_390
    assert by_name["lenet5-fashion"]["parameters"] == 61_610
    assert by_name["lenet5-fashion"]["recipe"] == {
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "batch_size": 128,
        "epochs": 10,
    }


async def test_a_preset_shows_its_layers_and_the_description_it_is_made_of(api: httpx.AsyncClient) -> None:
    preset = (await api.get("/architectures/lenet5-fashion")).json()
    assert sum(layer["parameters"] for layer in preset["layers"]) == preset["parameters"] == 61_610
    assert preset["layers"][-1]["name"] == "probabilities"
    assert preset["input_shape"] == [28, 28, 1]
    checked = await api.post("/architectures/check?dataset=fashion_mnist", json=preset["architecture"])
    assert checked.json()["parameters"] == 61_610


async def test_a_preset_is_counted_for_what_the_query_says(api: httpx.AsyncClient) -> None:
    preset = PRESETS["cnn"]
    for query, shape, classes in (
        ("classes=1000", (32, 32, 3), 1000),
        ("dataset=fashion_mnist", (28, 28, 1), 10),
        ("dataset=fashion_mnist&classes=2", (28, 28, 1), 2),
    ):
        answer = (await api.get(f"/architectures/cnn?{query}")).json()
        expected = analyse(preset.architecture, shape, classes)
        assert answer["parameters"] == expected.parameters
        assert (tuple(answer["input_shape"]), answer["classes"]) == (shape, classes)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/architectures/resnet-9000", 404, "architecture_not_found"),
        ("/architectures/cnn?dataset=nothing", 404, "dataset_not_found"),
        ("/architectures/cnn?classes=1", 422, "validation_failed"),
        ("/architectures/cnn?classes=99999999", 422, "validation_failed"),
    ],
)
async def test_a_question_that_has_no_answer(api: httpx.AsyncClient, path: str, status: int, code: str) -> None:
    response = await api.get(path)
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_a_description_is_counted_layer_by_layer(api: httpx.AsyncClient) -> None:
    answer = (await api.post("/architectures/check?image_shape=8x8x1&classes=4", json=SMALL)).json()
    assert [layer["output_shape"] for layer in answer["layers"]] == [[6, 6, 8], [288], [4]]
    assert answer["parameters"] == 8 * 10 + 289 * 4
    assert answer["flops"] > 0
    assert (answer["input_shape"], answer["classes"]) == ([8, 8, 1], 4)


@pytest.mark.parametrize(
    ("layers", "loc"),
    [
        ([{"type": "conv2d", "filters": 8, "kernel_size": 9}, {"type": "flatten"}, OUTPUT], ["body", "layers", 0]),
        ([{"type": "flatten"}, {"type": "dense", "units": 0}, OUTPUT], ["body", "layers", 1, "units"]),
        ([{"type": "flatten"}, {"type": "transformer"}, OUTPUT], ["body", "layers", 1]),
        ([{"type": "flatten"}], ["body", "layers", 0]),
        ([], ["body", "layers"]),
    ],
)
async def test_a_description_that_cannot_work_is_told_where(
    api: httpx.AsyncClient, layers: list[object], loc: list[object]
) -> None:
    response = await api.post("/architectures/check?image_shape=8x8x1", json={"layers": layers})
    assert response.status_code == 422
    problem = response.json()
    assert problem["errors"][0]["loc"][: len(loc)] == loc
    assert problem["code"] in {"architecture_invalid", "validation_failed"}


@pytest.mark.parametrize("shape", ["8x8", "0x8x1", "8x8x1x1", "99999x1x1", "axbxc", "8x8x1\n"])
async def test_a_shape_that_is_none_is_refused(api: httpx.AsyncClient, shape: str) -> None:
    response = await api.post("/architectures/check", params={"image_shape": shape}, json=SMALL)
    assert response.status_code == 422
