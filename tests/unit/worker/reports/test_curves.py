import io
import math
import re

import numpy as np
import pytest
from PIL import Image

from worker.jobs.records import History
from worker.reports.curves import draw_curves


def history_of(n_epochs: int, **changes: object) -> History:
    values = tuple(1 / (epoch + 1) for epoch in range(n_epochs))
    known = {"loss": values, "accuracy": values, "val_loss": values, "val_accuracy": values}
    return History.model_validate(known | changes)


def notes(history: History, title: str = "title", *, is_best_kept: bool = False) -> list[str]:
    """The words in an SVG, which Matplotlib repeats as comments."""
    return re.findall(r"<!-- (.*?) -->", draw_curves(history, title, "svg", is_best_kept=is_best_kept).decode())


@pytest.mark.parametrize("n_epochs", [0, 1, 2, 30, 200])
def test_curves_can_be_drawn_of_any_number_of_epochs(n_epochs: int) -> None:
    assert Image.open(io.BytesIO(draw_curves(history_of(n_epochs), "a network on a dataset"))).size == (1100, 462)


def test_the_best_values_are_named() -> None:
    history = History(loss=(2, 1, 3), accuracy=(0.1, 0.2, 0.3), val_loss=(2, 1, 3), val_accuracy=(0.1, 0.3, 0.2))
    assert "accuracy: best validation 0.3000 in epoch 2" in notes(history)
    assert "loss: best validation 1.0000 in epoch 2" in notes(history)


def test_the_best_epoch_is_marked_when_it_is_known_and_called_kept_when_it_is() -> None:
    assert not {"best epoch", "kept epoch"} & set(notes(history_of(4)))
    assert "best epoch" in notes(history_of(4, best_epoch=3))
    assert "kept epoch" in notes(history_of(4, best_epoch=3), is_best_kept=True)


def test_a_learning_rate_is_shown_when_it_changes() -> None:
    constant = history_of(3, learning_rate=(0.1, 0.1, 0.1 + 1e-17))
    falling = history_of(3, learning_rate=(0.1, 0.05, 0.0))
    assert "rate" not in notes(constant)
    assert notes(falling).count("rate") == 2


def test_values_that_are_no_numbers_are_left_out() -> None:
    history = history_of(4, val_loss=(math.nan, 0.5, math.inf, 0.7))
    assert "loss: best validation 0.5000 in epoch 2" in notes(history)


def test_a_title_is_no_formula() -> None:
    assert "costs $5 a_{" in notes(history_of(1), "costs $5 a_{")


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e5, 1e9])
def test_the_numbers_of_an_axis_have_room(scale: float) -> None:
    losses = tuple(scale * loss for loss in (2.0, 1.2345, 1.1))
    history = History(loss=losses, accuracy=(0.1, 0.2, 0.3), val_loss=losses, val_accuracy=(0.1, 0.2, 0.3))
    picture = np.asarray(Image.open(io.BytesIO(draw_curves(history, ""))).convert("L"))
    assert (picture[:, :2] == 255).all(), "something is cut off at the left edge"
    middle = picture.shape[1] // 2
    assert (picture[:400, middle - 3 : middle + 3] == 255).all(), "the two panels touch"
