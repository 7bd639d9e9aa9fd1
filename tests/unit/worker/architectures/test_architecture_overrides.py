"""What overrides make of a network, and which of them a network refuses."""

import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from worker.architectures import (
    PRESETS,
    Architecture,
    ArchitectureError,
    OverrideError,
    Overrides,
    Preset,
    analyse_overridden,
    get_preset,
    override,
)
from worker.architectures.grammar import Layer

Layers = list[dict[str, Any]]

OUTPUT = {"type": "dense", "units": "classes", "activation": "softmax"}
FLATTEN = {"type": "flatten"}
CONV = {"type": "conv2d", "filters": 8, "kernel_size": 5, "strides": 2, "activation": "tanh"}
LINEAR_CONV = {"type": "conv2d", "filters": 8, "kernel_size": [1, 5]}
POOLING = {"type": "max_pooling2d"}
NORMALIZATION = {"type": "batch_normalization"}
RELU = {"type": "activation", "activation": "relu"}


def overridden(layers: Layers, **overrides: object) -> tuple[Layer, ...]:
    changed = override(
        Architecture.model_validate({"layers": [*layers, FLATTEN, OUTPUT]}), Overrides.model_validate(overrides)
    )
    *hidden, flatten, output = changed.layers
    assert [layer.model_dump(exclude_defaults=True, mode="json") for layer in (flatten, output)] == [FLATTEN, OUTPUT]
    return tuple(hidden)


def as_json(layers: tuple[Layer, ...]) -> Layers:
    return [layer.model_dump(mode="json", exclude_defaults=True) for layer in layers]


def test_an_activation_replaces_every_hidden_one_and_no_other() -> None:
    linear = {"type": "conv2d", "filters": 2, "kernel_size": 1, "activation": "linear"}
    residual = {"type": "residual", "layers": [linear, LINEAR_CONV], "shortcut": [CONV, RELU]}
    branches = {"type": "branches", "branches": [[], [CONV]]}

    changed = as_json(overridden([CONV, residual, branches], activation="elu"))

    conv, relu = {**CONV, "activation": "elu"}, {**RELU, "activation": "elu"}
    assert changed[0] == conv
    assert changed[1] == {"type": "residual", "layers": [linear, LINEAR_CONV], "shortcut": [conv, relu]}
    assert changed[2] == {"type": "branches", "branches": [[], [conv]]}


def test_width_is_a_factor_for_filters_and_hidden_units() -> None:
    dense = {"type": "dense", "units": 5}
    depthwise = {"type": "depthwise_conv2d", "kernel_size": 3}
    separable = {"type": "separable_conv2d", "filters": 1, "kernel_size": 1}
    layers = [CONV, depthwise, separable, FLATTEN, dense, OUTPUT]

    changed = override(Architecture.model_validate({"layers": layers}), Overrides(width=0.3))

    assert as_json(changed.layers) == [
        {**CONV, "filters": 2},
        depthwise,
        separable,
        FLATTEN,
        {**dense, "units": 2},
        OUTPUT,
    ]


def test_depth_puts_copies_behind_each_convolution_that_keep_the_map() -> None:
    copy = {"type": "conv2d", "filters": 8, "kernel_size": 3, "padding": "same", "activation": "tanh"}

    assert as_json(overridden([CONV, POOLING], depth=3)) == [CONV, copy, copy, POOLING]
    assert as_json(overridden([CONV, POOLING], depth=1)) == [CONV, POOLING]


def test_a_copy_comes_with_the_normalization_and_the_activation_of_its_convolution() -> None:
    copy = {**LINEAR_CONV, "kernel_size": [1, 3], "padding": "same"}

    assert as_json(overridden([LINEAR_CONV, NORMALIZATION, RELU], depth=2)) == [
        *(LINEAR_CONV, NORMALIZATION, RELU),
        *(copy, NORMALIZATION, RELU),
    ]
    assert as_json(overridden([LINEAR_CONV, POOLING, NORMALIZATION, RELU, POOLING], depth=2)) == [
        *(LINEAR_CONV, POOLING, NORMALIZATION, RELU),
        *(copy, NORMALIZATION, RELU),
        POOLING,
    ]


def test_depth_reaches_into_composites_but_not_into_shortcuts() -> None:
    separable = {"type": "separable_conv2d", "filters": 8, "kernel_size": 3, "padding": "same"}
    residual = {"type": "residual", "layers": [separable], "shortcut": [LINEAR_CONV]}

    changed = as_json(overridden([{"type": "branches", "branches": [[], [residual]]}], depth=2))

    assert changed[0]["branches"][1][0] == {**residual, "layers": [separable, separable]}


@pytest.mark.parametrize(
    ("size", "expected"), [("native", None), (64, (64, 64)), ([48, 64], (48, 64)), (None, (224, 224))]
)
def test_the_input_size_is_the_one_asked_for(size: object, expected: tuple[int, int] | None) -> None:
    overrides = Overrides.model_validate({"input_size": size})

    assert override(get_preset("vgg16").architecture, overrides).input_size == expected
    assert Overrides.model_validate_json(overrides.model_dump_json()) == overrides


def test_dropout_sets_every_rate() -> None:
    layers = override(get_preset("alexnet").architecture, Overrides(dropout=0.1)).layers

    assert [layer.rate for layer in layers if layer.type == "dropout"] == [0.1, 0.1]


def test_no_overrides_leave_a_network_as_it_is() -> None:
    for preset in PRESETS.values():
        assert override(preset.architecture, Overrides()) == preset.architecture


@pytest.mark.parametrize("preset", [pytest.param(p, id=p.name) for p in PRESETS.values()])
def test_every_preset_takes_the_questions_of_the_lesson(preset: Preset) -> None:
    plain = analyse_overridden(preset.architecture, None, preset.image_shape, 10)
    other = analyse_overridden(preset.architecture, Overrides(activation="tanh"), preset.image_shape, 10)
    deeper = analyse_overridden(preset.architecture, Overrides(depth=2), preset.image_shape, 10)
    narrower = analyse_overridden(preset.architecture, Overrides(width=0.5), preset.image_shape, 10)

    assert other == plain
    assert deeper.parameters > plain.parameters > narrower.parameters
    assert len(deeper.layers) > len(plain.layers) == len(narrower.layers)


@pytest.mark.parametrize(
    ("layers", "overrides", "field", "words"),
    [
        ([POOLING], {"activation": "relu"}, "activation", "expected a hidden layer with an activation, got none"),
        ([POOLING], {"depth": 1}, "depth", "expected a conv2d or separable_conv2d layer, got none"),
        ([POOLING], {"width": 2}, "width", "expected a convolution with filters or a hidden dense layer, got none"),
        ([CONV], {"dropout": 0.5}, "dropout", "expected a dropout layer, got none .* dropout 0.5"),
        ([{**CONV, "filters": 65}], {"width": 64}, "width", "expected at most 4096, got 65 x 64 = 4160"),
        ([CONV] * 20, {"depth": 16}, "depth", "too many layers; expected at most 200 in all, .* depth 16"),
    ],
)
def test_a_change_that_a_network_cannot_take_is_refused_by_its_name(
    layers: Layers, overrides: dict[str, object], field: str, words: str
) -> None:
    with pytest.raises(OverrideError, match=words) as refused:
        overridden(layers, **overrides)

    assert refused.value.loc == ("overrides", field)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)


def test_a_network_that_only_works_without_its_overrides_blames_them() -> None:
    alexnet = get_preset("alexnet").architecture

    with pytest.raises(OverrideError, match=r"the changed network does not work: layer 3 .* got 3x3") as refused:
        analyse_overridden(alexnet, Overrides(input_size="native"), (32, 32, 3), 10)

    assert refused.value.loc == ("overrides",)


def test_a_network_that_never_worked_blames_itself() -> None:
    broken = Architecture.model_validate({"layers": [CONV, OUTPUT]})

    with pytest.raises(ArchitectureError) as refused:
        analyse_overridden(broken, Overrides(activation="relu"), (32, 32, 3), 10)

    assert refused.value.loc == ("layers", 1)


def test_a_wide_enough_network_has_too_many_parameters_before_anything_is_built() -> None:
    with pytest.raises(OverrideError, match="too many parameters"):
        analyse_overridden(get_preset("vgg16").architecture, Overrides(width=2), (32, 32, 3), 10)


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"activation": "gelu"}, "activation"),
        ({"depth": 0}, "depth"),
        ({"depth": 10**30}, "depth"),
        ({"depth": 1.5}, "depth"),
        ({"width": 0}, "width"),
        ({"width": 1e300}, "width"),
        ({"width": float("nan")}, "width"),
        ({"width": "2"}, "width"),
        ({"width": True}, "width"),
        ({"input_size": 0}, "input_size"),
        ({"input_size": 513}, "input_size"),
        ({"input_size": [32, 32, 3]}, "input_size"),
        ({"input_size": "32"}, "input_size"),
        ({"dropout": 1.0}, "dropout"),
        ({"filters": 3}, "filters"),
    ],
)
def test_a_value_that_an_override_cannot_have_is_refused_once_at_its_field(
    overrides: dict[str, object], field: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Overrides.model_validate(overrides)

    assert [error["loc"] for error in refused.value.errors()] == [(field,)]


@pytest.mark.parametrize(
    ("overrides", "slug"),
    [
        ({}, ""),
        ({"activation": "leaky_relu", "depth": 2, "width": 0.25}, "-leaky_relu-depth2-width0_25"),
        ({"input_size": [48, 64], "dropout": 0}, "-size48x64-dropout0"),
        ({"input_size": "native"}, "-native"),
    ],
)
def test_overrides_make_the_end_of_a_name(overrides: dict[str, object], slug: str) -> None:
    assert Overrides.model_validate(overrides).slug == slug
