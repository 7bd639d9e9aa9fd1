"""Names in Chinese, Japanese and Korean are drawn with glyphs, not as boxes."""

import warnings

import pytest
from matplotlib.figure import Figure

from worker.pictures.cjk_font import cjk_font
from worker.pictures.drawing import new_figure, text_width

NAMES = ["帽子と靴", "运动鞋", "셔츠", "T-shirt/top"]


def drawn(name: str) -> Figure:
    figure = new_figure(2, 1)
    figure.text(0.1, 0.5, name)
    return figure


@pytest.mark.parametrize("name", NAMES)
def test_every_letter_of_a_name_has_a_glyph(name: str) -> None:
    assert cjk_font() is not None, "requirements lock a package with a font"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn(name).canvas.draw()


def test_the_width_of_a_name_is_that_of_its_glyphs() -> None:
    assert text_width("帽子と靴", 10) > text_width("abcd", 10) * 1.3
