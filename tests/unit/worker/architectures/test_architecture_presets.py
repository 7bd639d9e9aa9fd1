"""The presets hold the lesson's figures, and every one fits every dataset."""

from collections.abc import Sequence

import pytest

from worker.architectures import PRESETS, ArchitectureNotFound, Preset, analyse, get_preset
from worker.architectures.grammar import Branches, Conv2D, Dense, Layer
from worker.architectures.layer_changes import simple_layers
from worker.recipe.options import Optimizer

every_preset = pytest.mark.parametrize("preset", [pytest.param(p, id=p.name) for p in PRESETS.values()])


@pytest.mark.parametrize(
    ("name", "image_shape", "parameters", "trainable"),
    [
        ("cnn", (32, 32, 3), 226_390, 226_390),
        ("cnn-wide", (32, 32, 3), 1_628_214, 1_628_214),
        ("lenet5", (32, 32, 1), 61_730, 61_718),
        ("lenet5-fashion", (28, 28, 1), 61_610, 61_610),
    ],
)
def test_a_preset_has_exactly_the_parameters_of_its_source(
    name: str, image_shape: tuple[int, int, int], parameters: int, trainable: int
) -> None:
    preset = get_preset(name)

    analysis = analyse(preset.architecture, image_shape, n_classes=10)

    assert preset.image_shape == image_shape
    assert (analysis.parameters, analysis.trainable_parameters) == (parameters, trainable)


@pytest.mark.parametrize(
    ("name", "image_shape", "parameters", "flops", "weight_layers"),
    [
        ("alexnet", (227, 227, 3), 62_378_344, 2.27e9, 8),
        ("vgg16", (224, 224, 3), 138_357_544, 30.9e9, 16),
        ("googlenet", (224, 224, 3), 6_998_552, 3.18e9, 22),
    ],
)
def test_a_network_of_imagenet_has_the_figures_it_is_known_by(
    name: str, image_shape: tuple[int, int, int], parameters: int, flops: float, weight_layers: int
) -> None:
    preset = get_preset(name)

    analysis = analyse(preset.architecture, image_shape, n_classes=1000)

    assert preset.image_shape == image_shape
    assert analysis.parameters == analysis.trainable_parameters == parameters
    assert analysis.flops == pytest.approx(flops, rel=0.01)
    assert depth(preset.architecture.layers) == weight_layers


def depth(layers: Sequence[Layer]) -> int:
    """Layers with weights on the longest way from the pictures to the output."""
    return sum(
        max(map(depth, layer.branches)) if isinstance(layer, Branches) else isinstance(layer, Conv2D | Dense)
        for layer in layers
    )


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "googlenet"])
def test_every_hidden_layer_of_a_deep_network_is_drawn_for_relu(name: str) -> None:
    *hidden, _ = get_preset(name).architecture.layers
    weighted = [layer for layer in simple_layers(hidden) if isinstance(layer, Conv2D | Dense)]

    assert {(layer.activation, layer.kernel_initializer) for layer in weighted} == {("relu", "he_normal")}


@pytest.mark.parametrize(
    ("name", "optimizer", "batch_size"),
    [
        ("cnn", Optimizer(name="adam"), 32),
        ("cnn-wide", Optimizer(name="adam"), 32),
        ("lenet5", Optimizer(name="adam"), 128),
        ("lenet5-fashion", Optimizer(name="sgd", learning_rate=0.01), 128),
    ],
)
def test_a_preset_trains_by_the_recipe_of_its_source(name: str, optimizer: Optimizer, batch_size: int) -> None:
    recipe = get_preset(name).recipe

    assert (recipe.optimizer, recipe.batch_size) == (optimizer, batch_size)
    assert recipe.epochs == 10


@every_preset
@pytest.mark.parametrize("image_shape", [(32, 32, 3), (28, 28, 1), (64, 48, 3), (1, 1, 1), (512, 512, 4)])
def test_a_preset_fits_pictures_of_any_shape(preset: Preset, image_shape: tuple[int, int, int]) -> None:
    analysis = analyse(preset.architecture, image_shape, n_classes=7)

    assert analysis.input_shape == image_shape
    assert analysis.layers[-1].output_shape == (7,)
    assert (analysis.layers[0].name == "resizing") == (
        preset.architecture.input_size is not None and image_shape[:2] != preset.image_shape[:2]
    )


@every_preset
def test_a_preset_survives_being_stored_as_json(preset: Preset) -> None:
    assert Preset.model_validate_json(preset.model_dump_json()) == preset


@every_preset
def test_a_preset_names_its_title_and_source(preset: Preset) -> None:
    assert PRESETS[preset.name] is preset
    assert preset.title
    assert "lesson" in preset.source or "ours" in preset.source or preset.year


def test_an_unknown_preset_is_refused_with_the_known_ones_named() -> None:
    with pytest.raises(ArchitectureNotFound, match=r"expected one of alexnet, cnn, .* got 'lenet6'") as refusal:
        get_preset("lenet6")

    assert refusal.value.name == "lenet6"
