"""Drawings that are laid out in pixels: text of any script, pictures and frames, where they were asked for."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from worker.pictures.fonts import text_width
from worker.pictures.sheet import Sheet, shortened

SIZE = 14


def pixels_of(sheet: Sheet) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(sheet.png())) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"))


def ink_of(sheet: Sheet) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is not white."""
    rows, columns = np.nonzero(pixels_of(sheet).min(axis=2) < 255)
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


@pytest.mark.parametrize("is_bold", [False, True])
@pytest.mark.parametrize("text", ["lp", "bag 12%", "帽子と靴", "셔츠 shirt"])
def test_a_centred_line_is_around_its_point(text: str, is_bold: bool) -> None:
    sheet = Sheet(200, 60)
    sheet.write_centred(100, 30, text, SIZE, is_bold=is_bold)
    left, top, right, bottom = ink_of(sheet)
    assert abs((left + right) / 2 - 100) < 2
    assert abs((top + bottom) / 2 - 30) < 3
    assert abs((right - left) - text_width(text, SIZE, is_bold=is_bold)) < 4


def test_a_line_begins_where_it_is_told() -> None:
    sheet = Sheet(200, 60)
    sheet.write(20, 30, "bag", SIZE)
    assert abs(ink_of(sheet)[0] - 20) <= 2


def test_bold_letters_are_wider() -> None:
    assert text_width("sandal", SIZE, is_bold=True) > text_width("sandal", SIZE)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_keeps_its_pixels_within_its_frame(channels: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, channels), np.uint8)
    sheet = Sheet(30, 20)
    sheet.put(10, 8, picture)
    sheet.frame(10, 8, 7, 5, 2, "#FF0000")
    drawn = pixels_of(sheet)
    assert np.array_equal(drawn[8:13, 10:17], np.broadcast_to(picture, (5, 7, 3)))
    assert (drawn[6:15, 8:10] == (255, 0, 0)).all()
    assert (drawn[6:15, 17:19] == (255, 0, 0)).all()
    assert (drawn[[6, 7, 13, 14], 8:19] == (255, 0, 0)).all()
    assert (drawn[:, [7, 19]] == 255).all()
    assert (drawn[[5, 15]] == 255).all()


@pytest.mark.parametrize("text", ["W" * 60, "猫" * 40, "a cat 🐱 and more of this"])
def test_a_long_line_keeps_its_beginning_and_its_end(text: str) -> None:
    short = shortened(text, 120, SIZE)
    assert text_width(short, SIZE) <= 120
    assert "…" in short
    assert short[0] == text[0]
    assert short[-1] == text[-1]
    assert shortened("cat", 120, SIZE) == "cat"


def test_a_turned_line_ends_at_its_point_or_is_around_it() -> None:
    upright, slanted, centred = Sheet(200, 200), Sheet(200, 200), Sheet(200, 200)
    upright.write_turned((100, 50), "sandal", SIZE, 90)
    left, top, right, bottom = ink_of(upright)
    assert (abs(top - 50) < 4, abs((left + right) / 2 - 100) < 4) == (True, True)
    assert abs(bottom - top - text_width("sandal", SIZE)) < 4
    slanted.write_turned((100, 50), "sandal", SIZE, 45)
    left, top, right, bottom = ink_of(slanted)
    assert (abs(right - 100) < 9, abs(top - 50) < 9) == (True, True)
    assert abs((right - left) - (bottom - top)) < 3
    centred.write_turned((100, 100), "sandal", SIZE, 90, is_centred=True)
    left, top, right, bottom = ink_of(centred)
    assert (abs((top + bottom) / 2 - 100) < 4, abs((left + right) / 2 - 100) < 4) == (True, True)
