"""A Keras file becomes a description and numbers, or is refused with the layer's name."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.keras_archives import (
    CONV,
    DENSE,
    Arrays,
    after,
    archive,
    functional,
    layer,
    pictures,
    said,
    sequential,
    small_network,
    weights_file,
    written,
)
from worker.imports.errors import ImportRefused
from worker.imports.result import NUMBERS_FILE, Transcoded
from worker.imports.transcoding import transcode


def read(folder: Path, config: object, arrays: Arrays | None = None, **options: object) -> Transcoded:
    path = written(folder, archive(config, weights_file(arrays or {})))
    return transcode(path, said(**options), folder)


def types(found: Transcoded) -> list[str]:
    return [one.type for one in found.architecture.layers]


def numbers(folder: Path, found: Transcoded, index: str, array: int = 0) -> NDArray[np.float32]:
    layer_numbers = found.numbers[index]
    shape = layer_numbers.shapes[array]
    everything = np.fromfile(folder / NUMBERS_FILE, "<f4")
    return everything[layer_numbers.offsets[array] :][: int(np.prod(shape))].reshape(shape)


def test_a_sequential_model_keeps_its_layers_and_weights(tmp_path: Path) -> None:
    config, arrays = small_network()
    found = read(tmp_path, config, arrays)
    assert types(found) == ["conv2d", "flatten", "dense"]
    assert (found.input_shape, found.n_classes, found.preprocessing) == ((8, 8, 3), 3, "unit")
    assert np.array_equal(numbers(tmp_path, found, "0"), arrays["layers/conv2d"][0])
    assert np.array_equal(numbers(tmp_path, found, "2", 1), arrays["layers/dense"][1])


def test_pixels_up_to_255_are_recognised_by_the_first_layer(tmp_path: Path) -> None:
    config, arrays = small_network()
    config["config"]["layers"].insert(1, layer("Rescaling", "scale", scale=1 / 127.5, offset=-1.0))
    found = read(tmp_path, config, arrays)
    assert found.preprocessing == "pixels"
    assert found.architecture.layers[0].model_dump() == {"type": "rescaling", "scale": 2.0, "offset": -1.0}


def test_a_rescaling_that_undoes_the_preprocessing_disappears(tmp_path: Path) -> None:
    config, arrays = small_network()
    config["config"]["layers"].insert(1, layer("Rescaling", "scale", scale=1 / 255, offset=0.0))
    assert types(read(tmp_path, config, arrays)) == ["conv2d", "flatten", "dense"]


def test_what_the_client_says_about_pixels_comes_first(tmp_path: Path) -> None:
    config, arrays = small_network()
    found = read(tmp_path, config, arrays, preprocessing="caffe")
    assert types(found)[:2] == ["conv2d", "conv2d"]
    assert numbers(tmp_path, found, "0")[0, 0].tolist() == [[0, 0, 255], [0, 255, 0], [255, 0, 0]]


def residual_model(*between: dict[str, Any]) -> dict[str, Any]:
    return functional(
        "images",
        "out",
        pictures(),
        *between,
        after(layer("GlobalAveragePooling2D", "pool"), "sum"),
        after(layer("Dense", "out", **DENSE), "pool"),
    )


def test_sums_become_residuals_and_concatenations_become_branches(tmp_path: Path) -> None:
    relu = {"activation": "relu"}
    config = residual_model(
        after(layer("Activation", "a", **relu), "images"),
        after(layer("Concatenate", "joined", axis=-1), "images", "a"),
        after(layer("ReLU", "b", max_value=6.0), "joined"),
        after(layer("Add", "sum"), "joined", "b"),
    )
    found = read(tmp_path, config, {"layers/dense": [np.ones((6, 3), "f4"), np.ones(3, "f4")]})
    branches, residual = found.architecture.layers[:2]
    assert branches.model_dump(exclude_defaults=True)["branches"] == (
        (),
        ({"type": "activation", "activation": "relu"},),
    )
    assert residual.model_dump(exclude_defaults=True)["layers"] == ({"type": "activation", "activation": "relu6"},)


def test_crossing_connections_are_refused_with_the_layer(tmp_path: Path) -> None:
    config = residual_model(
        after(layer("Activation", "a", activation="relu"), "images"),
        after(layer("Activation", "b", activation="relu"), "a"),
        after(layer("Concatenate", "c"), "images", "b"),
        after(layer("Concatenate", "d"), "c", "a"),
        after(layer("Activation", "sum", activation="relu"), "d"),
    )
    with pytest.raises(ImportRefused, match=r"Layer '[acd]' .*cannot describe"):
        read(tmp_path, config, {"layers/dense": [np.ones((9, 3), "f4"), np.ones(3, "f4")]})


def test_padding_by_hand_becomes_part_of_the_convolution(tmp_path: Path) -> None:
    strided = {**CONV, "strides": [2, 2], "padding": "valid"}
    config = sequential(
        pictures(),
        layer("ZeroPadding2D", "pad", padding=[[0, 1], [0, 1]]),
        layer("Conv2D", "conv", **strided),
        layer("Flatten", "flat"),
        layer("Dense", "out", **DENSE),
    )
    arrays = {
        "layers/conv2d": [np.ones((3, 3, 3, 2), "f4"), np.ones(2, "f4")],
        "layers/dense": [np.ones((32, 3), "f4"), np.ones(3, "f4")],
    }
    first = read(tmp_path, config, arrays).architecture.layers[0]
    assert (first.type, first.padding, first.strides) == ("conv2d", "same", (2, 2))  # type: ignore[union-attr]


def test_one_sigmoid_becomes_two_classes(tmp_path: Path) -> None:
    config = sequential(
        pictures(2, 2, 1), layer("Flatten", "flat"), layer("Dense", "out", units=1, activation="sigmoid")
    )
    kernel = np.arange(4, dtype="f4").reshape(4, 1)
    found = read(tmp_path, config, {"layers/dense": [kernel, np.ones(1, "f4")]})
    assert found.n_classes == 2
    assert numbers(tmp_path, found, "1").tolist() == [[0, 0], [0, 1], [0, 2], [0, 3]]
    assert "sigmoid" in found.remarks[0]


def test_a_resizing_at_the_beginning_sets_the_size(tmp_path: Path) -> None:
    config, arrays = small_network()
    config["config"]["layers"][0] = pictures(None, None, 3)
    config["config"]["layers"].insert(1, layer("Resizing", "size", height=8, width=8, interpolation="bilinear"))
    assert read(tmp_path, config, arrays).input_shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (layer("Lambda", "trick", function={"class_name": "__lambda__"}), "Layer 'trick' (Lambda)"),
        (layer("TFSMLayer", "graph", filepath="/etc/passwd"), "Layer 'graph' (TFSMLayer)"),
        (layer("TorchModuleWrapper", "torch", module="x"), "Layer 'torch' (TorchModuleWrapper)"),
        (layer("StringLookup", "words", vocabulary="/etc/passwd"), "Layer 'words' (StringLookup)"),
        ({**layer("Conv2D", "mine", **CONV), "module": "my.package"}, "'my.package'"),
        ({**layer("Conv2D", "mine", **CONV), "registered_name": "my>Conv2D"}, "'my>Conv2D'"),
        (layer("Conv2D", "conv", **{**CONV, "activation": {"class_name": "function"}}), "its activation"),
        (layer("Conv2D", "conv", **{**CONV, "activation": "gelu"}), "'gelu'"),
        (layer("Conv2D", "conv", **{**CONV, "groups": 3}), "its groups"),
        (layer("Conv2D", "conv", **{**CONV, "filters": 10**9}), "its filters"),
        (layer("Conv2D", "conv", **{**CONV, "shadow": 1}), "'shadow'"),
        (layer("Conv2D", "conv", **{**CONV, "dtype": "int8"}), "its dtype"),
        (layer("Dense", "wide", units=10**9), "its units"),
        (layer("ZeroPadding2D", "pad", padding=[[0, 2], [0, 1]]), "more on one side"),
        (layer("Multiply", "scale"), "(Multiply)"),
    ],
)
def test_what_cannot_be_described_is_refused_by_name(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    config, arrays = small_network()
    config["config"]["layers"].insert(1, entry)
    with pytest.raises(ImportRefused) as refusal:
        read(tmp_path, config, arrays)
    assert message in refusal.value.message


def test_weights_must_have_the_shapes_that_the_layers_say(tmp_path: Path) -> None:
    config, arrays = small_network()
    with pytest.raises(ImportRefused, match=r"Layer 'out' \(Dense\): expected weights of the shape \(72, 3\)"):
        read(tmp_path, config, {**arrays, "layers/dense": [np.ones((72, 4), "f4"), np.ones(3, "f4")]})


def test_weights_must_be_finite(tmp_path: Path) -> None:
    config, arrays = small_network()
    with pytest.raises(ImportRefused, match="not all finite"):
        read(tmp_path, config, {**arrays, "layers/dense": [np.full((72, 3), np.nan, "f4"), np.ones(3, "f4")]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[" * 100_000, "JSON"),
        (json.dumps({"a": [[[]]] * 110_000}).encode(), "too many values"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": 1e999}', "1e999"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a": ' + b"9" * 5000 + b"}", "whole number"),
        (b"[]", "not a JSON object"),
        (b"\xff", "JSON"),
        (b"{}", "expected Sequential or Functional"),
    ],
)
def test_a_configuration_with_surprises_is_refused(tmp_path: Path, text: bytes, message: str) -> None:
    with pytest.raises(ImportRefused) as refusal:
        read(tmp_path, text)
    assert message in refusal.value.message


def test_a_deep_nest_of_models_is_refused(tmp_path: Path) -> None:
    config, arrays = small_network()
    for depth in range(6):
        config = sequential(pictures(), {**config, "name": f"inner{depth}"})
    with pytest.raises(ImportRefused, match="nested too deep"):
        read(tmp_path, config, arrays)


def test_layers_of_nested_models_find_their_weights(tmp_path: Path) -> None:
    inner = sequential(pictures(), layer("Conv2D", "conv", **CONV), layer("Flatten", "flat"))
    config = sequential(pictures(), {**inner, "name": "inner"}, layer("Dense", "out", **DENSE))
    _, arrays = small_network()
    nested = {"layers/sequential/layers/conv2d": arrays["layers/conv2d"], "layers/dense": arrays["layers/dense"]}
    found = read(tmp_path, config, nested)
    assert np.array_equal(numbers(tmp_path, found, "0"), arrays["layers/conv2d"][0])


def test_a_file_of_an_older_keras_is_read_too(tmp_path: Path) -> None:
    _, arrays = small_network()

    def called(entry: dict[str, Any], *inputs: str) -> dict[str, Any]:
        return {**entry, "inbound_nodes": [[[name, 0, 0, {}] for name in inputs]]}

    images = {**layer("InputLayer", "images", batch_input_shape=[None, 8, 8, 3]), "inbound_nodes": []}
    config = functional(
        "images",
        "out",
        images,
        called(layer("Conv2D", "conv", **CONV), "images"),
        called(layer("Flatten", "flat"), "conv"),
        called(layer("Dense", "out", **DENSE), "flat"),
    )
    config["module"] = "keras.src.engine.functional"
    config["config"] |= {"input_layers": [["images", 0, 0]], "output_layers": [["out", 0, 0]]}
    older = {place.replace("layers", "_layer_checkpoint_dependencies"): values for place, values in arrays.items()}
    file = weights_file(older, lambda opened: opened.pop("layers"))
    found = transcode(written(tmp_path, archive(config, file)), said(), tmp_path)
    assert np.array_equal(numbers(tmp_path, found, "2"), arrays["layers/dense"][0])


def test_numbers_between_layers_become_a_scaling(tmp_path: Path) -> None:
    _, arrays = small_network()

    def operation(kind: str, name: str, given: str, number: float) -> dict[str, Any]:
        entry = after({**layer(kind, name), "module": "keras.src.ops.numpy", "registered_name": kind}, given)
        entry["inbound_nodes"][0]["args"].append(number)
        return entry

    config = functional(
        "images",
        "out",
        pictures(),
        operation("TrueDivide", "half", "images", 127.5),
        operation("Subtract", "shift", "half", 1),
        after(layer("Conv2D", "conv", **CONV), "shift"),
        after(layer("Flatten", "flat"), "conv"),
        after(layer("Dense", "out", **DENSE), "flat"),
    )
    found = read(tmp_path, config, arrays)
    assert found.preprocessing == "pixels"
    first, second = found.architecture.layers[:2]
    assert (first.type, round(first.scale, 6), first.offset, second.type) == (  # type: ignore[union-attr]
        *("rescaling", 2.0),
        *(-1.0, "conv2d"),
    )
