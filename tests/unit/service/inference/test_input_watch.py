"""When the last pictures of a version count as shifted, and what is said about it."""

import logging

import numpy as np
import pytest

from service.inference.input_watch import COMPARED_EVERY, N_ANSWERS, InputWatch, distance_from

USUAL = [step / 20 for step in range(1, 20)]  # of numbers that are even between 0 and 1
RANDOM = np.random.default_rng(4)


def some(low: float, high: float, n: int = N_ANSWERS) -> list[float]:
    return RANDOM.uniform(low, high, n).astype(np.float32).tolist()  # type: ignore[no-any-return]


def test_the_distance_is_that_of_the_two_distributions() -> None:
    assert distance_from(np.array(USUAL), np.linspace(0, 1, 2001).tolist()) == pytest.approx(0, abs=0.001)
    assert distance_from(np.array(USUAL), [2.0] * 200) == pytest.approx(0.95)
    assert distance_from(np.array(USUAL), np.linspace(0, 0.5, 2001).tolist()) == pytest.approx(0.5, abs=0.001)


def test_pictures_like_the_held_out_ones_are_never_called_shifted(caplog: pytest.LogCaptureFixture) -> None:
    distances: list[float] = []
    watch = InputWatch("shirts", 3, USUAL, lambda _, distance: distances.append(distance))
    with caplog.at_level(logging.INFO):
        for _ in range(500):
            watch.see(some(0, 1, COMPARED_EVERY))
    assert len(distances) > 400
    assert max(distances) < 0.2
    assert caplog.messages == []


def test_a_shift_is_logged_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    watch = InputWatch("shirts", 3, USUAL, lambda *_: None)
    with caplog.at_level(logging.INFO):
        for part in (some(0, 1), some(0.6, 2), some(0.6, 2), some(0, 1), some(0, 1)):
            watch.see(part)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "version 3 of model shirts" in caplog.messages[0]


def test_nothing_is_said_before_there_are_enough_answers() -> None:
    looks: list[float] = []
    watch = InputWatch("shirts", 3, USUAL, lambda _, distance: looks.append(distance))
    for _ in range(N_ANSWERS - 1):
        watch.see(some(5, 6, 1))
    assert looks == []
    watch.see(some(5, 6, 1))
    assert looks == [pytest.approx(0.95)]
