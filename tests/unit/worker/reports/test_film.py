"""Which epochs are filmed, which pictures are shown, and that the strip is a picture of them."""

import io

import numpy as np
from PIL import Image

from worker.reports.confusion import confusion_of
from worker.reports.film import PICTURES, Film, FilmPicture, frames_within, is_filmed, pictures_shown
from worker.training.film_strip import draw_film


def test_frames_get_rarer() -> None:
    assert [epoch for epoch in range(1001) if is_filmed(epoch)] == [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
    assert [frames_within(epochs) for epochs in (1, 2, 3, 5, 7, 10)] == [2, 3, 4, 4, 5, 5]


def test_every_class_is_shown_before_any_is_shown_twice() -> None:
    labels = np.array([0] * 50 + [1, 2, 3, 4, 2], np.int64)
    shown = pictures_shown(labels)
    assert shown[:6] == [0, 50, 51, 52, 53, 1]
    assert len(shown) == len(set(shown)) == PICTURES
    assert pictures_shown(np.arange(100)) == list(range(PICTURES))
    assert pictures_shown(np.array([1])) == [0]


def test_the_matrix_counts_true_by_predicted() -> None:
    assert confusion_of(np.array([0, 0, 1]), np.array([0, 1, 1]), 2) == ((1, 1), (0, 1))


def film(n_frames: int, channels: int, *, has_kernels: bool = True) -> Film:
    random = np.random.default_rng(1)
    kernels = tuple(random.normal(size=(20, 3, 3, channels)).tolist() for _ in range(n_frames)) if has_kernels else ()
    answers = [[[0.25, 0.75]] * n_frames for _ in range(PICTURES)]
    return Film(
        epochs=tuple(range(n_frames)),
        kernels=kernels or ((),) * n_frames,
        pictures=tuple(
            FilmPicture(index=index, label=("cat", "犬")[index % 2], probabilities=row)
            for index, row in enumerate(answers)
        ),
        confusion=(((3, 1), (0, 4)),) * n_frames,
        classes=("cat", "犬"),
    )


def test_the_strip_has_a_column_for_every_frame() -> None:
    widths = []
    for n_frames, channels, side in ((1, 1, 28), (4, 3, 32), (2, 5, 224)):
        images = np.random.default_rng(2).integers(0, 255, (PICTURES, side, side, 1 if channels == 1 else 3), np.uint8)
        with Image.open(io.BytesIO(draw_film(film(n_frames, channels), images, "some network"))) as strip:
            widths.append(strip.width)
            assert np.asarray(strip.convert("L")).std() > 5
    assert widths[1] - widths[0] == 3 * (widths[2] - widths[0])


def test_a_network_without_a_convolution_has_a_strip_too() -> None:
    images = np.zeros((PICTURES, 8, 8, 1), np.uint8)
    tall, low = (draw_film(film(2, 1, has_kernels=has), images, "network") for has in (True, False))
    assert Image.open(io.BytesIO(low)).height < Image.open(io.BytesIO(tall)).height
