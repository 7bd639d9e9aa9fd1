"""What is a well-formed description, and that a hostile one is refused at its place, at once."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from tests.cpu_time import at_most_cpu_s
from worker.architectures import Architecture

OUTPUT = {"type": "dense", "units": "classes", "activation": "softmax"}
FLATTEN = {"type": "flatten"}

HOSTILE_LAYERS: list[tuple[dict[str, Any], str]] = [
    ({"type": "conv2d", "filters": 0, "kernel_size": 3}, "filters"),
    ({"type": "conv2d", "filters": 4097, "kernel_size": 3}, "filters"),
    ({"type": "conv2d", "filters": 10**400, "kernel_size": 3}, "filters"),
    ({"type": "conv2d", "filters": "6", "kernel_size": 3}, "filters"),
    ({"type": "conv2d", "filters": 6.5, "kernel_size": 3}, "filters"),
    ({"type": "conv2d", "filters": True, "kernel_size": 3}, "filters"),
    ({"type": "conv2d", "kernel_size": 3}, "filters"),
    ({"type": "conv2d", "filters": 6}, "kernel_size"),
    ({"type": "conv2d", "filters": 6, "kernel_size": 33}, "kernel_size"),
    ({"type": "conv2d", "filters": 6, "kernel_size": 0}, "kernel_size"),
    ({"type": "conv2d", "filters": 6, "kernel_size": [3, -1]}, "kernel_size"),
    ({"type": "conv2d", "filters": 6, "kernel_size": [3, 3, 3]}, "kernel_size"),
    ({"type": "conv2d", "filters": 6, "kernel_size": "33"}, "kernel_size"),
    ({"type": "conv2d", "filters": 6, "kernel_size": True}, "kernel_size"),
    ({"type": "conv2d", "filters": 6, "kernel_size": None}, "kernel_size"),
    ({"type": "conv2d", "filters": 6, "kernel_size": 10**5000}, "kernel_size"),
    ({"type": "conv2d", "filters": 6, "kernel_size": 3, "strides": 0}, "strides"),
    ({"type": "conv2d", "filters": 6, "kernel_size": 3, "padding": "causal"}, "padding"),
    ({"type": "conv2d", "filters": 6, "kernel_size": 3, "activation": "lambda x: x"}, "activation"),
    ({"type": "conv2d", "filters": 6, "kernel_size": 3, "groups": 2}, "groups"),
    ({"type": "conv2d", "filters": 6, "kernel_size": 3, "use_bias": "yes"}, "use_bias"),
    ({"type": "depthwise_conv2d", "kernel_size": 3, "strides": [1, 2]}, "strides"),
    ({"type": "depthwise_conv2d", "kernel_size": 3, "depth_multiplier": 17}, "depth_multiplier"),
    ({"type": "separable_conv2d", "filters": 5000, "kernel_size": 3}, "filters"),
    ({"type": "max_pooling2d", "pool_size": 0}, "pool_size"),
    ({"type": "average_pooling2d", "strides": 33}, "strides"),
    ({"type": "batch_normalization", "epsilon": 0}, "epsilon"),
    ({"type": "batch_normalization", "momentum": float("inf")}, "momentum"),
    ({"type": "dropout", "rate": float("nan")}, "rate"),
    ({"type": "dropout", "rate": float("inf")}, "rate"),
    ({"type": "dropout", "rate": 1}, "rate"),
    ({"type": "dropout", "rate": -0.1}, "rate"),
    ({"type": "dropout", "rate": "0.2"}, "rate"),
    ({"type": "dense", "units": 0}, "units"),
    ({"type": "dense", "units": 65_537}, "units"),
    ({"type": "dense", "units": True}, "units"),
    ({"type": "dense", "units": "all"}, "units"),
    ({"type": "activation"}, "activation"),
    ({"type": "zero_padding2d", "padding": 65}, "padding"),
    ({"type": "flatten", "layers": []}, "layers"),
    ({"type": "branches", "branches": [[]]}, "branches"),
    ({"type": "branches", "branches": [[]] * 17}, "branches"),
    ({"type": "residual", "layers": []}, "layers"),
]


def place_and_message(description: dict[str, Any]) -> tuple[tuple[str | int, ...], str]:
    """Where and why a description is refused; exactly once."""
    with pytest.raises(ValidationError) as refusal:
        Architecture.model_validate(description)
    (error,) = refusal.value.errors()
    return error["loc"], error["msg"]


@pytest.mark.parametrize(
    ("layer", "field"), HOSTILE_LAYERS, ids=[f"{layer['type']}-{field}" for layer, field in HOSTILE_LAYERS]
)
def test_a_bad_number_is_refused_once_at_its_layer_and_field(layer: dict[str, Any], field: str) -> None:
    loc, _ = place_and_message({"layers": [FLATTEN, layer, OUTPUT]})

    assert loc == ("layers", 1, field)


@pytest.mark.parametrize(
    "layer",
    [
        {"type": "lambda"},
        {"type": "conv3d"},
        {"type": ["conv2d"]},
        {"type": None},
        {"filters": 6},
        {},
        "flatten",
        7,
        None,
    ],
)
def test_something_that_is_no_layer_is_refused_at_its_place(layer: object) -> None:
    loc, message = place_and_message({"layers": [FLATTEN, layer, OUTPUT]})

    assert loc == ("layers", 1)
    assert "; expected " in message
    assert ", got " in message


def test_an_error_inside_composites_keeps_its_whole_path() -> None:
    inner = {"type": "branches", "branches": [[], [FLATTEN, {"type": "conv2d", "filters": 0, "kernel_size": 3}]]}
    description = {"layers": [{"type": "residual", "layers": [FLATTEN], "shortcut": [inner]}, OUTPUT]}

    loc, _ = place_and_message(description)

    assert loc == ("layers", 0, "shortcut", 0, "branches", 1, 1, "filters")


@pytest.mark.parametrize(
    "size", [[0, 32], [513, 32], [32], [32, 32, 3], [True, 32], ["32", 32], [32.5, 32], [float("nan"), 32], 32, "32"]
)
def test_a_bad_input_size_is_refused(size: object) -> None:
    with pytest.raises(ValidationError, match="input_size"):
        Architecture.model_validate({"input_size": size, "layers": [FLATTEN, OUTPUT]})


def test_a_description_without_layers_is_refused() -> None:
    assert place_and_message({"layers": []}) == (
        ("layers",),
        "not a possible number of layers; expected 1 to 200, got 0",
    )


def test_a_field_nobody_knows_is_refused() -> None:
    loc, _ = place_and_message({"layers": [FLATTEN, OUTPUT], "weights": "http://example.org/"})

    assert loc == ("weights",)


def test_two_hundred_layers_are_enough() -> None:
    Architecture.model_validate({"layers": [FLATTEN] * 199 + [OUTPUT]})

    loc, message = place_and_message({"layers": [FLATTEN] * 200 + [OUTPUT]})

    assert loc == ("layers",)
    assert "at most 200" in message


def test_layers_inside_composites_count() -> None:
    branches = {"type": "branches", "branches": [[FLATTEN] * 25] * 2}

    assert "too many layers" in place_and_message({"layers": [branches] * 4 + [OUTPUT]})[1]


def nested(depth: int) -> dict[str, Any]:
    layer: dict[str, Any] = FLATTEN
    for _ in range(depth):
        layer = {"type": "residual", "layers": [layer]}
    return layer


def test_composites_stand_in_one_another_four_times_and_no_more() -> None:
    Architecture.model_validate({"layers": [nested(4), OUTPUT]})

    assert "nested too deep" in place_and_message({"layers": [nested(5), OUTPUT]})[1]


@pytest.mark.parametrize(
    "described",
    [
        pytest.param(lambda: [FLATTEN] * 1_000_000, id="a million layers"),
        pytest.param(
            lambda: [{"type": "branches", "branches": [[FLATTEN] * 1000] * 1000}], id="a million layers in branches"
        ),
        pytest.param(lambda: [{"type": "branches", "branches": [[]] * 1_000_000}], id="a million branches"),
        pytest.param(lambda: [nested(100_000)], id="nested a hundred thousand deep"),
    ],
)
def test_an_enormous_description_is_refused_at_once(described: Callable[[], list[Any]]) -> None:
    layers = described()
    with at_most_cpu_s(2), pytest.raises(ValidationError):
        Architecture.model_validate({"layers": layers})


def test_limits_hold_for_layers_that_were_built_in_python() -> None:
    inner = Architecture.model_validate({"layers": [nested(4)]}).layers[0]

    loc, message = place_and_message({"layers": [{"type": "residual", "layers": [inner]}]})

    assert loc == ("layers",)
    assert "nested too deep" in message


def test_a_size_may_be_one_number_or_two_and_is_written_back_in_the_shorter_way() -> None:
    layers = [
        {"type": "conv2d", "filters": 6, "kernel_size": [3, 3], "strides": [2, 1]},
        {"type": "max_pooling2d", "pool_size": 3},
    ]
    architecture = Architecture.model_validate({"layers": layers})

    convolution, pooling = json.loads(architecture.model_dump_json(exclude_unset=True))["layers"]

    assert (convolution["kernel_size"], convolution["strides"]) == (3, [2, 1])
    assert pooling["pool_size"] == 3


def test_a_description_survives_being_stored_as_json() -> None:
    layers = [
        {"type": "branches", "branches": [[], [{"type": "conv2d", "filters": 6, "kernel_size": [1, 5]}]]},
        {
            "type": "residual",
            "layers": [{"type": "dropout", "rate": 0.5}],
            "shortcut": [{"type": "activation", "activation": "silu"}],
        },
        {"type": "max_pooling2d", "strides": [1, 2]},
        FLATTEN,
        OUTPUT,
    ]
    architecture = Architecture.model_validate({"input_size": [32, 24], "layers": layers})

    assert Architecture.model_validate_json(architecture.model_dump_json()) == architecture
    assert Architecture.model_validate(architecture.model_dump(mode="json", exclude_defaults=True)) == architecture


def test_the_schema_tells_a_client_every_layer_type_and_bound() -> None:
    schema = Architecture.model_json_schema()

    kernel = schema["$defs"]["Conv2D"]["properties"]["kernel_size"]["anyOf"]

    assert len(schema["properties"]["layers"]["items"]["discriminator"]["mapping"]) == 15
    assert kernel[0] == {"type": "integer", "minimum": 1, "maximum": 32}
