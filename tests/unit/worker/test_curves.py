import io

import pytest
from PIL import Image

from worker.curves import draw_curves
from worker.records import History


@pytest.mark.parametrize("n_epochs", [0, 1, 30])
def test_curves_can_be_drawn_of_any_number_of_epochs(n_epochs: int) -> None:
    values = tuple(1 / (epoch + 1) for epoch in range(n_epochs))
    history = History(loss=values, accuracy=values, val_loss=values, val_accuracy=values)
    assert Image.open(io.BytesIO(draw_curves(history, "a network on a dataset"))).size == (1100, 440)


def test_an_svg_names_the_best_epoch() -> None:
    history = History(loss=(2, 1, 3), accuracy=(0.1, 0.2, 0.3), val_loss=(2, 1, 3), val_accuracy=(0.1, 0.3, 0.2))
    svg = draw_curves(history, "title", "svg").decode()
    assert "<!-- accuracy: best validation 0.3000 in epoch 2 -->" in svg
    assert "<!-- loss: best validation 1.0000 in epoch 2 -->" in svg
