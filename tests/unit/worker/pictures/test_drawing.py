import pytest

from worker.pictures.drawing import shortened, text_width


def test_a_text_that_fits_stays_whole() -> None:
    assert shortened("Ankle boot", 2.0, 10) == "Ankle boot"


@pytest.mark.parametrize("width", [0.3, 0.5, 1.0])
def test_a_wide_text_keeps_as_much_of_its_beginning_and_end_as_fits(width: float) -> None:
    short = shortened("golden retriever 17", width, 10)
    beginning, end = short.split("…")
    assert "golden retriever 17".startswith(beginning)
    assert "golden retriever 17".endswith(end)
    assert width - 0.2 < text_width(short, 10) <= width


def test_bold_letters_are_wider() -> None:
    assert text_width("shirt", 10, is_bold=True) > text_width("shirt", 10)
