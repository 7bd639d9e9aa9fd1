"""What a description says on paper is what Keras builds: names, shapes, parameters, layer by layer."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from tests.thoroughness import tries
from worker.architectures import (
    PRESETS,
    Analysis,
    Architecture,
    ArchitectureError,
    Overrides,
    Preset,
    analyse,
    get_preset,
    override,
)
from worker.architectures.grammar import Activation, Initializer
from worker.training.export import export_onnx, parity
from worker.training.network import build_model

# Keras 3.15 reads TensorFlow variables with `np.array(variable)`, which NumPy 2 no longer likes.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Layers = list[dict[str, Any]]
Table = dict[str, tuple[tuple[int, ...], int]]

OUTPUT = {"type": "dense", "units": "classes", "activation": "softmax"}
EVERY_LAYER: Layers = [
    {"type": "rescaling", "scale": 1.5, "offset": -0.5},
    {"type": "zero_padding2d", "padding": [1, 2]},
    {"type": "conv2d", "filters": 6, "kernel_size": [3, 2], "strides": [1, 2], "activation": "leaky_relu"},
    {"type": "depthwise_conv2d", "kernel_size": 3, "strides": 2, "depth_multiplier": 2, "use_bias": False},
    {"type": "separable_conv2d", "filters": 8, "kernel_size": 3, "padding": "same", "activation": "silu"},
    {
        "type": "residual",
        "layers": [
            {"type": "conv2d", "filters": 8, "kernel_size": 1, "use_bias": False, "kernel_initializer": "he_normal"}
        ],
    },
    {"type": "activation", "activation": "silu"},
    {
        "type": "branches",
        "branches": [
            [],
            [{"type": "max_pooling2d", "pool_size": 3, "strides": 1, "padding": "same"}],
            [
                {
                    "type": "residual",
                    "layers": [{"type": "batch_normalization"}, {"type": "conv2d", "filters": 5, "kernel_size": 1}],
                    "shortcut": [{"type": "conv2d", "filters": 5, "kernel_size": 3, "padding": "same"}],
                }
            ],
        ],
    },
    {"type": "average_pooling2d", "pool_size": [2, 3], "padding": "same"},
    {"type": "global_average_pooling2d"},
    {"type": "dropout", "rate": 0.3},
    OUTPUT,
]


def table_of_keras(model: keras.Model) -> Table:
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    return {layer.name: (layer.output.shape[1:], layer.count_params()) for layer in layers}


def table_on_paper(analysis: Analysis) -> Table:
    return {row.name: (row.output_shape, row.parameters) for row in analysis.layers}


def assert_keras_agrees(
    architecture: Architecture, image_shape: tuple[int, int, int], n_classes: int
) -> tuple[keras.Model, Analysis]:
    analysis = analyse(architecture, image_shape, n_classes)
    keras.backend.clear_session()
    model = build_model(architecture, image_shape, n_classes)
    assert_counts_agree(model, analysis)
    return model, analysis


def assert_counts_agree(model: keras.Model, analysis: Analysis) -> None:
    assert table_of_keras(model) == table_on_paper(analysis)
    assert model.count_params() == analysis.parameters
    assert sum(math.prod(weight.shape) for weight in model.trainable_weights) == analysis.trainable_parameters


@contextmanager
def without_memory_for_weights() -> Iterator[None]:
    """Keras builds networks in here, but draws none of their weights: VGG16 in a twentieth of a second."""
    with keras.StatelessScope():
        yield
        keras.backend.clear_session()  # forgets the weights that leaving the scope would draw


def unit_range(image_shape: tuple[int, int, int], n: int = 2) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).random((n, *image_shape), dtype=np.float32)


@pytest.mark.parametrize("preset", [pytest.param(p, id=p.name) for p in PRESETS.values()])
@pytest.mark.parametrize("image_shape", [(32, 32, 3), (28, 28, 1), (64, 48, 3)])
@pytest.mark.parametrize("n_classes", [10, 7])
def test_keras_builds_every_preset_as_its_table_says(
    preset: Preset, image_shape: tuple[int, int, int], n_classes: int
) -> None:
    analysis = analyse(preset.architecture, image_shape, n_classes)

    with without_memory_for_weights():
        model = build_model(preset.architecture, image_shape, n_classes)
        assert_counts_agree(model, analysis)

    assert {layer.name for layer in model.layers} == {"images", *(row.name for row in analysis.layers)}


@pytest.mark.parametrize(
    ("name", "parameters"), [("alexnet", 62_378_344), ("vgg16", 138_357_544), ("googlenet", 6_998_552)]
)
def test_keras_counts_the_known_parameters_of_the_large_networks(name: str, parameters: int) -> None:
    preset = get_preset(name)

    with without_memory_for_weights():
        assert build_model(preset.architecture, preset.image_shape, 1000).count_params() == parameters


NARROW = Overrides(activation="tanh", width=0.1, input_size=67)
"""67 is the smallest side that AlexNet's windows fit into."""


LARGE = {"alexnet", "vgg16", "googlenet", "fast-large", "cnn-wide"}
"""`test_big_networks.py` exports three of them after a training."""


@pytest.mark.parametrize(
    "preset",
    [pytest.param(p, id=p.name, marks=[pytest.mark.long] if p.name in LARGE else []) for p in PRESETS.values()],
)
def test_every_preset_answers_the_same_in_onnx_with_its_overrides_made(preset: Preset, tmp_path: Path) -> None:
    model, analysis = assert_keras_agrees(override(preset.architecture, NARROW), (28, 32, 1), 10)
    images = unit_range((28, 32, 1), n=24)

    export_onnx(model, tmp_path / "model.onnx")

    assert analysis.layers[0].name == "resizing"
    assert parity(tmp_path / "model.onnx", images, np.asarray(model(images, training=False))) < 1e-5


@pytest.mark.parametrize("initializer", get_args(Initializer))
def test_weights_are_drawn_as_the_description_says(initializer: str) -> None:
    dense = {"type": "dense", "units": 256, "kernel_initializer": initializer}
    architecture = Architecture.model_validate({"layers": [{"type": "flatten"}, dense, OUTPUT]})

    kernel = np.asarray(build_model(architecture, (16, 16, 3), 10).get_layer("dense").kernel.value)

    family = initializer.partition("_")[0]
    variance = {"glorot": 2 / (768 + 256), "he": 2 / 768, "lecun": 1 / 768}[family]
    assert kernel.var() == pytest.approx(variance, rel=0.05)


def test_keras_builds_every_kind_of_layer_as_its_table_says() -> None:
    architecture = Architecture.model_validate({"input_size": [17, 23], "layers": EVERY_LAYER})

    model, analysis = assert_keras_agrees(architecture, (32, 32, 3), 10)

    assert "resizing" in table_of_keras(model)
    assert analysis.parameters - analysis.trainable_parameters == 2 * 8


def test_a_model_takes_images_and_gives_probabilities() -> None:
    architecture = Architecture.model_validate({"input_size": [17, 23], "layers": EVERY_LAYER})
    model = build_model(architecture, (32, 32, 3), 10)

    answers = np.asarray(model(unit_range((32, 32, 3)), training=False))

    assert [tensor.name for tensor in model.inputs] == ["images"]
    assert (model.inputs[0].shape, model.inputs[0].dtype) == ((None, 32, 32, 3), "float32")
    assert model.layers[-1].name == "probabilities"
    assert answers.shape == (2, 10)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)


def test_probabilities_stay_float32_in_mixed_precision() -> None:
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build_model(PRESETS["lenet5"].architecture, (28, 28, 1), 10)
    finally:
        keras.config.set_dtype_policy(policy)

    assert model.get_layer("dense").compute_dtype == "float16"
    assert (model.inputs[0].dtype, model.outputs[0].dtype) == ("float32", "float32")


def test_a_saved_model_opens_without_our_code_and_answers_the_same(tmp_path: Path) -> None:
    model = build_model(Architecture.model_validate({"input_size": [17, 23], "layers": EVERY_LAYER}), (32, 32, 3), 10)
    model.save(tmp_path / "model.keras")

    opened = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)

    images = unit_range((32, 32, 3))
    np.testing.assert_array_equal(opened(images, training=False), model(images, training=False))
    assert all(type(layer).__module__.startswith("keras.") for layer in opened.layers)


def test_every_layer_and_activation_of_the_grammar_survives_the_export(tmp_path: Path) -> None:
    activations = [{"type": "activation", "activation": name} for name in get_args(Activation)]
    description = {"input_size": [17, 23], "layers": [*EVERY_LAYER[:-1], *activations, OUTPUT]}
    model = build_model(Architecture.model_validate(description), (32, 32, 3), 10)
    images = unit_range((32, 32, 3))

    export_onnx(model, tmp_path / "model.onnx")

    assert parity(tmp_path / "model.onnx", images, np.asarray(model(images, training=False))) < 1e-5


@pytest.mark.parametrize("side", [227, 224, 67, 28, 13, 11])
def test_pictures_are_resized_to_exactly_the_same_size_in_onnx(side: int, tmp_path: Path) -> None:
    one_filter = {"type": "conv2d", "filters": 1, "kernel_size": 1}
    # Sums of single channels have their shapes worked out while the graph is written.
    residual = {"type": "residual", "layers": [one_filter, one_filter], "shortcut": [one_filter]}
    layers = [residual, {"type": "flatten"}, OUTPUT]
    model = build_model(Architecture.model_validate({"input_size": [side, 33], "layers": layers}), (28, 17, 1), 3)
    images = unit_range((28, 17, 1))

    export_onnx(model, tmp_path / "model.onnx")

    assert parity(tmp_path / "model.onnx", images, np.asarray(model(images, training=False))) < 1e-5


def test_a_network_that_cannot_work_is_refused_before_keras_sees_it() -> None:
    architecture = Architecture.model_validate({"layers": [{"type": "conv2d", "filters": 2, "kernel_size": 5}, OUTPUT]})

    with pytest.raises(ArchitectureError, match="layer 0"):
        build_model(architecture, (4, 4, 1), 10)


small = st.integers(1, 4)
sizes = small | st.lists(small, min_size=2, max_size=2)
paddings = st.sampled_from(["valid", "same"])
activations = st.sampled_from(["relu", "tanh", "elu", "leaky_relu", "softplus", None])


def layer_of(layer_type: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(layer_type), **fields})


initializers = st.sampled_from(get_args(Initializer))
convolution: dict[str, st.SearchStrategy[Any]] = {
    "kernel_size": sizes,
    "padding": paddings,
    "activation": activations,
    "use_bias": st.booleans(),
}
keeps_size = st.one_of(
    layer_of("conv2d", filters=small, kernel_initializer=initializers, **{**convolution, "padding": st.just("same")}),
    layer_of("batch_normalization"),
    layer_of("dropout", rate=st.floats(0, 0.9)),
    layer_of("activation", activation=st.sampled_from(["relu", "elu", "sigmoid"])),
)
map_layers = st.one_of(
    keeps_size,
    layer_of("conv2d", filters=small, strides=sizes, **convolution),
    layer_of("depthwise_conv2d", strides=small, depth_multiplier=small, **convolution),
    layer_of("separable_conv2d", filters=small, strides=small, **convolution),
    layer_of("max_pooling2d", pool_size=sizes, strides=sizes | st.none(), padding=paddings),
    layer_of("average_pooling2d", pool_size=sizes, strides=sizes | st.none(), padding=paddings),
    layer_of("zero_padding2d", padding=st.integers(0, 2) | st.lists(st.integers(0, 2), min_size=2, max_size=2)),
    layer_of("branches", branches=st.lists(st.lists(keeps_size, max_size=2), min_size=2, max_size=3)),
    st.builds(
        lambda layers, filters: {
            "type": "residual",
            "layers": [*layers, {"type": "conv2d", "filters": filters, "kernel_size": 1}],
            "shortcut": [{"type": "conv2d", "filters": filters, "kernel_size": 1}],
        },
        st.lists(keeps_size, max_size=2),
        small,
    ),
)
to_vector = st.sampled_from(["flatten", "global_average_pooling2d"]).map(lambda layer_type: {"type": layer_type})
vector_layers = layer_of(
    "dense", units=small, activation=activations, use_bias=st.booleans(), kernel_initializer=initializers
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "activation": st.sampled_from(["relu", "silu"]),
        "depth": st.integers(1, 3),
        "width": st.floats(0.3, 3),
        "input_size": st.just("native") | st.integers(1, 24) | st.tuples(st.integers(1, 24), st.integers(1, 24)),
        "dropout": st.floats(0, 0.9),
    },
).map(Overrides.model_validate)


def works(layers: Layers, image_shape: tuple[int, int, int]) -> bool:
    try:
        analyse(Architecture.model_validate({"layers": [*layers, {"type": "flatten"}, OUTPUT]}), image_shape, 3)
    except ArchitectureError:
        return False
    return True


@st.composite
def networks(draw: st.DrawFn) -> tuple[Architecture, tuple[int, int, int]]:
    """A network from the whole grammar, grown layer by layer out of those that fit, and a shape it works for."""
    image_shape = draw(st.tuples(st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 3])))
    layers: Layers = []
    for layer in draw(st.lists(map_layers, max_size=6)):
        if works([*layers, layer], image_shape):
            layers.append(layer)
    layers += [draw(to_vector), *draw(st.lists(vector_layers, max_size=2)), OUTPUT]
    return Architecture.model_validate({"layers": layers}), image_shape


@settings(max_examples=tries(8, 25), deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks(), st.integers(2, 5))
def test_keras_builds_any_network_of_the_grammar_as_its_table_says(
    network: tuple[Architecture, tuple[int, int, int]], n_classes: int
) -> None:
    architecture, image_shape = network

    model, _ = assert_keras_agrees(architecture, image_shape, n_classes)

    answers = np.asarray(model(unit_range(image_shape), training=False))
    assert answers.shape == (2, n_classes)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)


def is_computed_wrong(model: keras.Model) -> bool:
    """Whether TensorFlow 2.21 with oneDNN and AVX-512 reads beside the picture, and answers at random.

    It does for one channel and strides of (1, 2) or more that leave a width of 1. A job with such a network fails by
    `parity`, since ONNX Runtime computes it as it is.
    """
    convolutions = (layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    return any(
        layer.input.shape[-1] == 1 and layer.strides[0] == 1 < layer.strides[1] and layer.output.shape[2] == 1
        for layer in convolutions
    )


@settings(max_examples=tries(4, 10), deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks(), changes)
def test_any_network_with_any_overrides_answers_the_same_in_onnx(
    tmp_path_factory: pytest.TempPathFactory, network: tuple[Architecture, tuple[int, int, int]], overrides: Overrides
) -> None:
    architecture, image_shape = network
    try:
        architecture = override(architecture, overrides)
        model, _ = assert_keras_agrees(architecture, image_shape, 3)
    except ArchitectureError:
        # Nothing to change in it, or no longer a network: that such are refused is shown without Keras.
        reject()
    if is_computed_wrong(model):
        reject()
    path = tmp_path_factory.mktemp("any") / "model.onnx"
    images = unit_range(image_shape)

    export_onnx(model, path)

    assert parity(path, images, np.asarray(model(images, training=False))) < 1e-5
