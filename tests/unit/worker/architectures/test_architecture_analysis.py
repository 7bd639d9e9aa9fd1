"""Shapes, names, parameters and FLOPs on paper, and the descriptions that cannot work."""

import json
import pickle
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.thoroughness import tries
from worker.architectures import Analysis, Architecture, ArchitectureError, analyse

Layers = list[dict[str, Any]]

OUTPUT = {"type": "dense", "units": "classes", "activation": "softmax"}
FLATTEN = {"type": "flatten"}
GLOBAL_POOLING = {"type": "global_average_pooling2d"}
POOLING = {"type": "max_pooling2d"}


def conv(filters: int, kernel_size: int | list[int] = 3, padding: str = "same", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    return {"type": "conv2d", "filters": filters, "kernel_size": kernel_size, "padding": padding, **more}


def dense(units: int) -> dict[str, Any]:
    return {"type": "dense", "units": units, "activation": "relu"}


def analysed(layers: Layers, image_shape: tuple[int, int, int] = (32, 32, 3), n_classes: int = 10) -> Analysis:
    return analyse(Architecture.model_validate({"layers": layers}), image_shape, n_classes)


def refusal(layers: Layers, image_shape: tuple[int, int, int] = (32, 32, 3), n_classes: int = 10) -> ArchitectureError:
    architecture = Architecture.model_validate({"layers": layers})
    with pytest.raises(ArchitectureError) as refused:
        analyse(architecture, image_shape, n_classes)
    return refused.value


def alexnet() -> Layers:
    pooling = {"type": "max_pooling2d", "pool_size": 3, "strides": 2}
    return [
        conv(96, 11, "valid", strides=4),
        pooling,
        conv(256, 5),
        pooling,
        conv(384),
        conv(384),
        conv(256),
        pooling,
        FLATTEN,
        dense(4096),
        {"type": "dropout", "rate": 0.5},
        dense(4096),
        {"type": "dropout", "rate": 0.5},
        OUTPUT,
    ]


def vgg16() -> Layers:
    blocks = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]
    features = [layer for filters, n in blocks for layer in [*[conv(filters, activation="relu")] * n, POOLING]]
    return [*features, FLATTEN, dense(4096), dense(4096), OUTPUT]


def inception(one: int, three: tuple[int, int], five: tuple[int, int], pooled: int) -> dict[str, Any]:
    same_pooling = {"type": "max_pooling2d", "pool_size": 3, "strides": 1, "padding": "same"}
    branches = [[conv(one, 1)], [conv(three[0], 1), conv(three[1])], [conv(five[0], 1), conv(five[1], 5)]]
    return {"type": "branches", "branches": [*branches, [same_pooling, conv(pooled, 1)]]}


def test_alexnet_in_one_tower_has_its_known_parameters() -> None:
    analysis = analysed(alexnet(), (227, 227, 3), 1000)

    assert analysis.parameters == 62_378_344
    assert [row.output_shape for row in analysis.layers if row.type == "conv2d"] == [
        (55, 55, 96),
        (27, 27, 256),
        (13, 13, 384),
        (13, 13, 384),
        (13, 13, 256),
    ]


def test_vgg16_has_its_known_parameters_and_multiplications() -> None:
    analysis = analysed(vgg16(), (224, 224, 3), 1000)

    assert analysis.parameters == analysis.trainable_parameters == 138_357_544
    weighted = sum(row.flops for row in analysis.layers if row.type in {"conv2d", "dense"})
    assert weighted == 2 * 15_470_264_320  # 15.47 billion multiply-adds


def test_googlenets_first_inception_module_gives_its_known_shape_and_parameters() -> None:
    module = inception(64, (96, 128), (16, 32), 32)

    analysis = analysed([module, GLOBAL_POOLING, OUTPUT], (28, 28, 192))

    rows = {row.index: row for row in analysis.layers}
    assert rows["0"].name == "concatenate"
    assert rows["0"].output_shape == (28, 28, 256)
    assert rows["0.branch1.1"].output_shape == (28, 28, 128)
    assert sum(row.parameters for row in analysis.layers[:-1]) == 163_696


def test_flops_of_the_first_lesson_network_match_a_count_by_hand() -> None:
    layers = [conv(10, 3, "valid", activation="relu"), POOLING, FLATTEN, dense(100), OUTPUT]

    analysis = analysed(layers)

    by_hand = [2 * (3 * 3 * 3) * 10 * 30 * 30, 4 * 15 * 15 * 10, 0, 2 * 2250 * 100, 2 * 100 * 10]
    assert [row.flops for row in analysis.layers] == by_hand
    assert analysis.flops == sum(by_hand)


def test_normalization_and_residuals_cost_their_values() -> None:
    layers: Layers = [{"type": "residual", "layers": [{"type": "batch_normalization"}]}, GLOBAL_POOLING, OUTPUT]

    analysis = analysed(layers, (4, 4, 3))

    assert [row.flops for row in analysis.layers] == [2 * 48, 48, 48, 2 * 3 * 10]
    assert (analysis.parameters, analysis.trainable_parameters) == (12 + 40, 6 + 40)


def test_the_layer_table_names_layers_as_keras_does_and_the_last_one_probabilities() -> None:
    residual = {"type": "residual", "layers": [conv(3)], "shortcut": [conv(3, 1)]}
    layers: Layers = [conv(3), residual, FLATTEN, dense(5), OUTPUT]

    rows = analysed(layers).layers

    assert [(row.index, row.name) for row in rows] == [
        ("0", "conv2d"),
        ("1.layers.0", "conv2d_1"),
        ("1.shortcut.0", "conv2d_2"),
        ("1", "add"),
        ("2", "flatten"),
        ("3", "dense"),
        ("4", "probabilities"),
    ]


def test_resizing_is_a_row_of_its_own_and_only_when_the_size_differs() -> None:
    architecture = Architecture.model_validate({"input_size": [8, 6], "layers": [FLATTEN, OUTPUT]})

    resized = analyse(architecture, (6, 8, 3), 10)
    untouched = analyse(architecture, (8, 6, 3), 10)

    assert (resized.layers[0].index, resized.layers[0].output_shape) == ("input", (8, 6, 3))
    assert [row.name for row in untouched.layers] == ["flatten", "probabilities"]
    assert resized.parameters == untouched.parameters


def test_the_number_of_classes_may_be_written_out_when_it_is_right() -> None:
    assert analysed([FLATTEN, {**OUTPUT, "units": 10}]) == analysed([FLATTEN, OUTPUT])


def test_an_analysis_is_plain_json() -> None:
    analysis = analysed([inception(2, (2, 3), (2, 3), 2), FLATTEN, OUTPUT])

    assert Analysis.model_validate(json.loads(analysis.model_dump_json())) == analysis


@pytest.mark.parametrize(
    ("layers", "loc", "layer", "words"),
    [
        pytest.param(
            [conv(4, 3, "valid"), POOLING, conv(4, 16, "valid"), FLATTEN, OUTPUT],
            ("layers", 2, "kernel_size"),
            "layer 2 (conv2d)",
            "larger than its input .* expected kernel_size of at most 15x15, .* got 16x16",
            id="kernel larger than its input",
        ),
        pytest.param(
            [
                conv(4, [1, 32], "valid"),
                {"type": "separable_conv2d", "filters": 2, "kernel_size": [1, 2]},
                FLATTEN,
                OUTPUT,
            ],
            ("layers", 1, "kernel_size"),
            "layer 1 (separable_conv2d)",
            "at most 32x1",
            id="kernel wider than its input",
        ),
        pytest.param(
            [{"type": "average_pooling2d", "pool_size": 32}, POOLING, FLATTEN, OUTPUT],
            ("layers", 1, "pool_size"),
            "layer 1 (max_pooling2d)",
            "nothing would be left; expected pool_size of at most 1x1, .* got 2x2",
            id="pooling to nothing",
        ),
        pytest.param(
            [conv(4), OUTPUT],
            ("layers", 1),
            "layer 1 (dense)",
            "works on a vector; expected a flatten .* got a map of 32x32x4",
            id="dense before flatten",
        ),
        pytest.param(
            [FLATTEN, FLATTEN, OUTPUT],
            ("layers", 1),
            "layer 1 (flatten)",
            "expected a shape of height, width and channels .* got a vector",
            id="flatten twice",
        ),
        pytest.param(
            [FLATTEN, conv(4), OUTPUT],
            ("layers", 1),
            "layer 1 (conv2d)",
            "got a vector of 3072",
            id="conv after flatten",
        ),
        pytest.param(
            [GLOBAL_POOLING, POOLING, OUTPUT],
            ("layers", 1),
            "layer 1 (max_pooling2d)",
            "got a vector of 3",
            id="pooling after global pooling",
        ),
        pytest.param(
            [conv(4), {"type": "residual", "layers": [conv(8)]}, FLATTEN, OUTPUT],
            ("layers", 1),
            "layer 1 (residual)",
            "expected 32x32x4 .* got 32x32x8",
            id="residual of another shape",
        ),
        pytest.param(
            [{"type": "residual", "layers": [conv(3)], "shortcut": [conv(3, 1, strides=2)]}, FLATTEN, OUTPUT],
            ("layers", 0),
            "layer 0 (residual)",
            "expected 16x16x3 .* got 32x32x3",
            id="shortcut of another shape",
        ),
        pytest.param(
            [{"type": "branches", "branches": [[], [POOLING]]}, FLATTEN, OUTPUT],
            ("layers", 0, "branches", 1),
            "layer 0 (branches)",
            "expected 32x32 from every branch, got 16x16",
            id="branches of another height and width",
        ),
        pytest.param(
            [{"type": "branches", "branches": [[FLATTEN], []]}, OUTPUT],
            ("layers", 0, "branches", 1),
            "layer 0 (branches)",
            "expected a vector from every branch, got 32x32",
            id="a vector beside a map",
        ),
        pytest.param(
            [
                {"type": "branches", "branches": [[], [POOLING, conv(2, 16, "valid"), conv(2, 2, "valid")]]},
                FLATTEN,
                OUTPUT,
            ],
            ("layers", 0, "branches", 1, 2, "kernel_size"),
            "layer 0.branch1.2 (conv2d)",
            "at most 1x1",
            id="kernel too large inside a branch",
        ),
        pytest.param([conv(4)], ("layers", 0), "layer 0 (conv2d)", "final layer is missing", id="no final layer"),
        pytest.param(
            [FLATTEN, {**OUTPUT, "units": 9}],
            ("layers", 1, "units"),
            "layer 1 (dense)",
            'expected "classes" or 10, got 9',
            id="another number of classes",
        ),
        pytest.param(
            [FLATTEN, {**OUTPUT, "activation": "sigmoid"}],
            ("layers", 1, "activation"),
            "layer 1 (dense)",
            'expected "softmax", got "sigmoid"',
            id="final layer without probabilities",
        ),
        pytest.param(
            [FLATTEN, {"type": "dense", "units": "classes"}],
            ("layers", 1, "activation"),
            "layer 1 (dense)",
            'expected "softmax", got none',
            id="final layer without activation",
        ),
        pytest.param(
            [FLATTEN, dense(65_536), OUTPUT],
            ("layers", 1),
            "layer 1 (dense)",
            "too many parameters; expected at most 200,000,000 in all, got 201,392,128 up to this layer",
            id="too many parameters",
        ),
        pytest.param(
            [conv(4096, 32), conv(4096, 32), GLOBAL_POOLING, OUTPUT],
            ("layers", 1),
            "layer 1 (conv2d)",
            "too many parameters",
            id="an enormous convolution",
        ),
        pytest.param(
            [{"type": "zero_padding2d", "padding": 64}] * 60 + [GLOBAL_POOLING, OUTPUT],
            ("layers", 22),
            "layer 22 (zero_padding2d)",
            "too many output values",
            id="padding without end",
        ),
    ],
)
def test_a_network_that_cannot_work_is_refused_with_its_layer_named(
    layers: Layers, loc: tuple[str | int, ...], layer: str, words: str
) -> None:
    refused = refusal(layers)

    assert refused.loc == loc
    assert str(refused) == refused.message
    assert refused.message.startswith(f"{layer}: ")
    with pytest.raises(ArchitectureError, match=words):
        raise refused


@pytest.mark.parametrize("image_shape", [(0, 32, 3), (32, 32), (32, -1, 3)])
def test_a_shape_that_is_no_picture_is_refused(image_shape: Any) -> None:  # noqa: ANN401 - wrong on purpose
    assert "not a picture's shape" in refusal([FLATTEN, OUTPUT], image_shape).message


def test_a_single_class_is_refused() -> None:
    assert "expected at least 2, got 1" in refusal([FLATTEN, OUTPUT], n_classes=1).message


def test_a_million_classes_are_refused_before_anything_is_built() -> None:
    assert "too many parameters" in refusal([FLATTEN, dense(84), OUTPUT], n_classes=10**7).message


def test_an_error_crosses_a_process_boundary_unchanged() -> None:
    refused = refusal([conv(4)])

    copy = pickle.loads(pickle.dumps(refused))

    assert (copy.loc, copy.message) == (refused.loc, refused.message)


sides = st.integers(0, 40) | st.lists(st.integers(1, 9), min_size=2, max_size=2)
names = st.sampled_from(
    sorted(Architecture.model_json_schema()["properties"]["layers"]["items"]["discriminator"]["mapping"])
)
any_layers: st.SearchStrategy[Layers] = st.deferred(lambda: st.lists(any_layer, max_size=4))
any_layer: st.SearchStrategy[dict[str, Any]] = st.deferred(
    lambda: st.fixed_dictionaries(
        {"type": names},
        optional={
            "filters": st.integers(0, 5000),
            "kernel_size": sides,
            "strides": sides,
            "pool_size": sides,
            "padding": st.sampled_from(["same", "valid"]) | sides,
            "rate": st.floats(),
            "units": st.integers(0, 70_000) | st.just("classes"),
            "activation": st.sampled_from(["relu", "softmax", None]),
            "layers": any_layers,
            "branches": st.lists(any_layers, max_size=3),
        },
    )
)


@settings(max_examples=tries(30, 100), deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(any_layers, st.tuples(st.integers(1, 64), st.integers(1, 64), st.integers(1, 4)))
def test_any_description_is_either_analysed_or_refused_for_a_reason(
    layers: Layers, image_shape: tuple[int, int, int]
) -> None:
    try:
        architecture = Architecture.model_validate({"layers": [*layers, OUTPUT]})
        analysis = analyse(architecture, image_shape, 10)
    except (ValidationError, ArchitectureError) as error:
        locs = [error.loc] if isinstance(error, ArchitectureError) else [line["loc"] for line in error.errors()]
    else:
        locs = []
        assert analysis.layers[-1].output_shape == (10,)
        assert max(Counter(row.name for row in analysis.layers).values()) == 1
        assert max(Counter(row.index for row in analysis.layers).values()) == 1

    assert {loc[0] for loc in locs} <= {"layers"}


def test_whitening_filters_are_not_trained_and_see_small_patches_only() -> None:
    def analysed(side: int) -> Analysis:
        stem = {"type": "conv2d", "filters": 8, "kernel_size": side, "kernel_initializer": "whitening"}
        output = {"type": "dense", "units": "classes", "activation": "softmax"}
        network = {"layers": [stem, {"type": "global_average_pooling2d"}, output]}
        return analyse(Architecture.model_validate(network), (32, 32, 3), n_classes=10)

    found = analysed(2)
    assert found.parameters - found.trainable_parameters == 2 * 2 * 3 * 8
    with pytest.raises(ArchitectureError, match=r"at most 256 values .* got 300"):
        analysed(10)
