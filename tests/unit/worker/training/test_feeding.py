import threading
from collections.abc import Iterator
from itertools import islice
from typing import TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from worker.datasets.dataset import LabelledImages
from worker.pictures.pixels import to_unit_range
from worker.recipe.options import Augmentation
from worker.training.augmentation import Augmenter
from worker.training.feeding import Arrays, Feed, TrainingData

PAUSE_S = 3.0
Kind = TypeVar("Kind", bound=TrainingData)


class Clock:
    """Stands still except while a chunk is waited for: then it advances by `PAUSE_S`, once per chunk."""

    def __init__(self) -> None:
        self.now = 0.0
        self._asked = threading.Semaphore(0)

    def __call__(self) -> float:
        now = self.now
        self._asked.release()
        return now

    def pass_while_someone_waits(self) -> None:
        self._asked.acquire()  # the waiting begins
        self.now += PAUSE_S

    def the_waiting_ended(self) -> None:
        self._asked.acquire()

    def wait_no_more(self) -> None:
        self._asked.release(1000)


class SlowData(TrainingData):
    """Takes its time for every chunk, which it begins when it is waited for."""

    clock: Clock

    def epoch(self, number: int, first_step: int = 0) -> Iterator[Arrays]:
        for chunk in super().epoch(number, first_step):
            self.clock.pass_while_someone_waits()
            yield chunk
            self.clock.the_waiting_ended()


class BrokenData(TrainingData):
    """Has nothing to give."""

    def epoch(self, number: int, first_step: int = 0) -> Iterator[Arrays]:
        raise OSError("the disk is gone")


def made(kind: type[Kind]) -> Kind:
    pictures = LabelledImages(np.zeros((8, 4, 4, 1), np.uint8), np.zeros(8, np.int64))
    return kind(pictures, np.eye(2, dtype=np.float32), None, None, batch_size=8, seed=1)


def test_waiting_for_slow_data_is_counted_and_nothing_else_is() -> None:
    data, clock = made(SlowData), Clock()
    data.clock = clock
    with Feed(data, clock=clock) as feed:
        for _ in islice(feed.chunks(), 4):
            pass
        assert feed.waited_s == 4 * PAUSE_S
        clock.now += 4 * PAUSE_S  # the network's own time
        next(feed.chunks())
        assert feed.waited_s == 5 * PAUSE_S
        clock.wait_no_more()


def test_what_breaks_while_data_is_prepared_is_raised_where_it_is_waited_for() -> None:
    with Feed(made(BrokenData)) as feed, pytest.raises(OSError, match="the disk is gone"):
        next(feed.chunks())


def test_closing_a_full_feed_ends_the_thread_that_waits_for_it() -> None:
    feed = Feed(made(TrainingData))
    chunks = feed.chunks()
    next(chunks)  # the thread now fills the queue, and waits for a free place in it

    def close_and_wait() -> None:
        feed.close()
        list(chunks)

    waiting = threading.Thread(target=close_and_wait, daemon=True)
    waiting.start()
    waiting.join(60)
    assert not waiting.is_alive()


def test_alternating_flips_show_every_picture_both_ways_in_two_epochs() -> None:
    pictures = LabelledImages(np.random.default_rng(1).integers(0, 256, (40, 4, 4, 1), np.uint8), np.arange(40))
    augmenter = Augmenter(Augmentation(horizontal_flip=True, alternate_flip=True), np.zeros(1, np.uint8))
    data = TrainingData(pictures, np.eye(40, dtype=np.float32), None, augmenter, batch_size=8, seed=1)
    flipped = [are_flipped(data, pictures, epoch) for epoch in range(3)]
    assert 10 < flipped[0].sum() < 30
    np.testing.assert_array_equal(flipped[1], ~flipped[0])
    np.testing.assert_array_equal(flipped[2], flipped[0])


def are_flipped(data: TrainingData, pictures: LabelledImages, epoch: int) -> NDArray[np.bool_]:
    """Which pictures an epoch flips, in their own order; each has a class of its own."""
    inputs, targets = (np.concatenate(parts) for parts in zip(*data.epoch(epoch), strict=True))
    in_order = inputs[np.argsort(targets.argmax(axis=1))]
    as_they_are = to_unit_range(pictures.images)
    found: NDArray[np.bool_] = (in_order != as_they_are).any(axis=(1, 2, 3))
    np.testing.assert_array_equal(in_order[found], as_they_are[found, :, ::-1])
    return found
