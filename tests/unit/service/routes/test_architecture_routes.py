"""Presets and descriptions of one's own over HTTP."""

import httpx
import pytest

from worker.architectures import PRESETS, Overrides, analyse, override

pytestmark = pytest.mark.anyio

OUTPUT = {"type": "dense", "units": "classes", "activation": "softmax"}
SMALL = {"layers": [{"type": "conv2d", "filters": 8, "kernel_size": 3}, {"type": "flatten"}, OUTPUT]}


async def test_every_preset_is_listed_with_its_counts(api: httpx.AsyncClient) -> None:
    lines = (await api.get("/architectures")).json()["architectures"]
    assert [line["name"] for line in lines] == list(PRESETS)
    by_name = {line["name"]: line for line in lines}
    assert by_name["cnn"]["parameters"] == 226_390
    assert by_name["lenet5-fashion"]["parameters"] == 61_610
    recipe = {"optimizer": "sgd", "learning_rate": 0.01, "batch_size": 128, "epochs": 10}
    assert by_name["lenet5-fashion"]["recipe"].items() >= recipe.items()


async def test_a_recipe_shows_the_optimizers_settings_beside_the_others(api: httpx.AsyncClient) -> None:
    assert (await api.get("/architectures/fast")).json()["recipe"] == {
        "optimizer": "muon",
        "learning_rate": 0.2,
        "momentum": 0.6,
        "nesterov": True,
        "others_rate": 0.02,
        "beta_2": None,
        "weight_decay": None,
        "batch_size": 256,
        "epochs": 6,
        "learning_rate_schedule": {
            "name": "one_cycle",
            "peak_at": 0.2,
            "initial_fraction": 0.2,
            "final_fraction": 0.001,
            "shape": "linear",
        },
        "augmentation": {
            "horizontal_flip": True,
            "shift_pixels": 1,
            "alternate_flip": True,
            "padding": "reflect",
            "rotation_degrees": 0.0,
            "cutout_pixels": 0,
            "brightness": 0.0,
            "contrast": 0.0,
        },
        "label_smoothing": 0.1,
        "ema": 0.0,
        "precision": "auto",
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


async def test_a_preset_is_counted_with_the_overrides_of_the_query(api: httpx.AsyncClient) -> None:
    answer = (await api.get("/architectures/vgg16?dataset=cifar10&input_size=native&width=0.25&depth=2")).json()
    by_hand = override(
        PRESETS["vgg16"].architecture, Overrides.model_validate({"input_size": "native", "width": 0.25, "depth": 2})
    )
    assert answer["layers"][0]["output_shape"] == [32, 32, 16]
    assert answer["parameters"] == analyse(by_hand, (32, 32, 3), 10).parameters
    again = await api.post("/architectures/check?dataset=cifar10", json=answer["architecture"])
    assert again.json()["layers"] == answer["layers"]
    resized = (await api.get("/architectures/lenet5?input_size=48x64")).json()
    assert resized["architecture"]["input_size"] == [48, 64]


async def test_a_description_is_checked_with_the_overrides_of_the_query(api: httpx.AsyncClient) -> None:
    answer = (await api.post("/architectures/check?image_shape=8x8x1&width=2", json=SMALL)).json()
    assert [layer["output_shape"] for layer in answer["layers"]] == [[6, 6, 16], [576], [10]]


@pytest.mark.parametrize(
    ("query", "parameter", "words"),
    [
        ("activation=gelu", "activation", "relu"),
        ("depth=0", "depth", "greater than or equal to 1"),
        ("depth=two", "depth", "integer"),
        ("width=nan", "width", "finite"),
        ("input_size=big", "input_size", "expected"),
        ("input_size=9999", "input_size", "from 1 to 512"),
        ("dropout=0.5", "dropout", "expected a dropout layer"),
        ("width=64", "width", "at most 4096"),
    ],
)
async def test_overrides_that_cannot_be_are_told_by_their_parameter(
    api: httpx.AsyncClient, query: str, parameter: str, words: str
) -> None:
    response = await api.get(f"/architectures/cnn-wide?{query}")
    assert (response.status_code, response.json()["code"]) == (422, "validation_failed")
    (fault,) = response.json()["errors"]
    assert fault["loc"] == ["query", parameter]
    assert words in fault["message"]


async def test_overrides_that_leave_no_network_are_told_as_such(api: httpx.AsyncClient) -> None:
    response = await api.get("/architectures/alexnet?dataset=cifar10&input_size=native")
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == ["query"]
    assert "the changed network does not work: layer 3" in response.json()["detail"]


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
