"""`fast` and `fast-large` stay as small at any size of picture, and `fast` grows in the way its blocks are meant to."""

import pytest

from worker.architectures import Overrides, analyse, get_preset, override
from worker.architectures.grammar import Conv2D, MaxPooling2D
from worker.architectures.layer_changes import simple_layers

FAST = get_preset("fast")


@pytest.mark.parametrize(
    ("name", "image_shape", "parameters"),
    [
        ("fast", (32, 32, 3), 201_562),
        ("fast", (28, 28, 1), 201_434),
        ("fast", (9, 200, 1), 201_434),
        ("fast-large", (32, 32, 3), 1_532_226),
        ("fast-large", (28, 28, 1), 1_532_034),
        ("fast-large", (9, 200, 1), 1_532_034),
    ],
)
def test_the_parameters_do_not_grow_with_the_picture(
    name: str, image_shape: tuple[int, int, int], parameters: int
) -> None:
    analysis = analyse(get_preset(name).architecture, image_shape, n_classes=10)

    assert analysis.parameters == parameters
    assert "resizing" not in {row.name for row in analysis.layers}


def test_a_picture_of_32_pixels_costs_less_than_twelve_million_flops() -> None:
    assert analyse(FAST.architecture, (32, 32, 3), n_classes=10).flops < 12e6


def test_a_deeper_one_has_further_convolutions_behind_the_pooling_and_as_small_a_last_map() -> None:
    deeper = override(FAST.architecture, Overrides(depth=2, width=2))

    kinds = [type(layer) for layer in deeper.layers if isinstance(layer, Conv2D | MaxPooling2D)]
    assert kinds == [Conv2D, Conv2D, *[Conv2D, MaxPooling2D, Conv2D] * 3]
    assert [layer.filters for layer in deeper.layers if isinstance(layer, Conv2D)] == [
        32, 32, 64, 64, 192, 192, 384, 384,
    ]  # fmt: skip
    maps = [analyse(network, (32, 32, 3), 10).layers[-3].output_shape[:2] for network in (FAST.architecture, deeper)]
    assert maps[0] == maps[1]


@pytest.mark.parametrize("name", ["fast", "fast-large"])
def test_only_the_first_convolution_of_a_deeper_one_keeps_its_filters(name: str) -> None:
    deeper = override(get_preset(name).architecture, Overrides(depth=2, width=4))
    analyse(deeper, (32, 32, 3), 10)  # a whitening layer that saw so many channels would be refused
    drawn = [layer.kernel_initializer for layer in simple_layers(deeper.layers) if isinstance(layer, Conv2D)]
    assert drawn[0] == "whitening"
    assert "whitening" not in drawn[1:]
