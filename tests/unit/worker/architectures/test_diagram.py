"""Networks drawn as SVG: every layer of every preset has a box, and nothing overlaps."""

import itertools
from xml.etree import ElementTree

import pytest

from worker.architectures import PRESETS, Architecture, analyse
from worker.architectures.diagram import draw_diagram

SVG = "{http://www.w3.org/2000/svg}"
BRANCHED = Architecture.model_validate(
    {
        "input_size": [40, 40],
        "layers": [
            {"type": "branches", "branches": [[], [{"type": "conv2d", "filters": 4, "kernel_size": 1}]]},
            {
                "type": "residual",
                "layers": [
                    {"type": "depthwise_conv2d", "kernel_size": 3, "padding": "same", "strides": 1},
                    {"type": "separable_conv2d", "filters": 9, "kernel_size": [3, 1], "padding": "same"},
                ],
                "shortcut": [{"type": "conv2d", "filters": 9, "kernel_size": 1, "activation": "relu"}],
            },
            {"type": "zero_padding2d"},
            {"type": "batch_normalization"},
            {"type": "activation", "activation": "relu"},
            {"type": "dropout", "rate": 0.25},
            {"type": "global_average_pooling2d"},
            {"type": "dense", "units": "classes", "activation": "softmax"},
        ],
    }
)


def boxes(svg: str) -> list[tuple[float, float, float, float]]:
    root = ElementTree.fromstring(svg)
    found = [rect for rect in root.iter(f"{SVG}rect") if rect.get("rx")]
    return [tuple(float(str(rect.get(name))) for name in ("x", "y", "width", "height")) for rect in found]  # type: ignore[misc]


@pytest.mark.parametrize("name", PRESETS)
def test_every_layer_of_a_preset_has_a_box_that_overlaps_no_other(name: str) -> None:
    preset = PRESETS[name]
    analysis = analyse(preset.architecture, preset.image_shape, 10)
    svg = draw_diagram(preset.architecture, analysis, preset.title)
    placed = boxes(svg)
    assert len(placed) == len(analysis.layers) + 1
    for (x, y, width, height), (other_x, other_y, *_) in itertools.combinations(placed, 2):
        assert abs(x - other_x) >= width or abs(y - other_y) >= height
    root = ElementTree.fromstring(svg)
    assert all(x >= 0 and x + width <= float(str(root.get("width"))) for x, _, width, _ in placed)
    assert all(y + height <= float(str(root.get("height"))) for _, y, _, height in placed)


def test_boxes_say_what_layers_do_and_what_comes_out() -> None:
    analysis = analyse(BRANCHED, (28, 28, 3), 10)
    svg = draw_diagram(BRANCHED, analysis, "branches & <residual>")
    texts = [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert texts[0] == "branches & <residual>"
    for said in ("resizing", "concatenate", "40x40x7", "add", "conv2d, relu", "25% of the values, in training"):
        assert said in texts
    assert len(boxes(svg)) == len(analysis.layers) + 1


def test_a_drawing_has_no_script_and_no_reference() -> None:
    svg = draw_diagram(BRANCHED, analyse(BRANCHED, (28, 28, 3), 10), "network")
    assert not any(word in svg for word in ("script", "href", "url(", "style="))
