"""Drawings of layers: a deep network has an overview that ends with the answer."""

import io

import numpy as np
from PIL import Image

from service.inside.drawing import sheets
from service.inside.maps import LayerMaps
from worker.inside.record import LayerRecord

SEEN = np.zeros((28, 28, 1), np.uint8)


def layers(n: int, n_met: int) -> list[LayerMaps]:
    """Convolutions, of which some are where all paths meet, and probabilities."""
    values = np.zeros((4, 4, 3), np.float32)
    found = [
        LayerMaps(
            LayerRecord(
                name=f"conv2d_{at}", type="conv2d", output_shape=(4, 4, 3), parameters=1, is_explainable=at < n_met
            ),
            values,
        )
        for at in range(n - 1)
    ]
    last = LayerRecord(name="probabilities", type="dense", output_shape=(10,), parameters=1)
    return [*found, LayerMaps(last, np.linspace(0, 1, 10, dtype=np.float32))]


def drawn(n: int, n_met: int) -> Image.Image:
    return Image.open(io.BytesIO(sheets.draw_overview(layers(n, n_met), SEEN, "Shirt 51%", "deep, version 1")))


def test_the_overview_of_a_deep_network_ends_with_the_answer() -> None:
    few, many = drawn(21, 20), drawn(100, 20)
    assert many.size == few.size  # the 20 layers where all paths meet, and the answer
    last, expected = [np.asarray(picture.convert("RGB"))[-(sheets.ROW + sheets.ROW_GAP) :] for picture in (many, few)]
    assert np.array_equal(last, expected)
    assert len(np.unique(last.reshape(-1, 3), axis=0)) > 10


def test_an_overview_never_has_more_rows_than_one_can_look_at() -> None:
    assert drawn(200, 199).height == drawn(sheets.MOST_ROWS, 59).height
